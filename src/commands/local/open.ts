import { localConfig } from "../../local/directory.ts";
import { localStatus } from "../../local/status.ts";
import type { Command } from "../../util/command.ts";
import { type DataOf, flag, object, text } from "../../util/shape.ts";
import { VdiError } from "../../util/vdi-error.ts";
import { localDirectoryOption } from "./options.ts";

const shape = object({ address: text("where the page answers"), opened: flag("false: there is no screen or no browser here") });

/** What `vdi local open` did. */
export type LocalOpened = DataOf<typeof shape>;

/** `vdi local open`: the page in this machine's browser. */
export const localOpen: Command<LocalOpened> = {
  path: ["local", "open"],
  summary: "open the page in the browser",
  description: "Opens the page with xdg-open; where there is no screen, prints its address.",
  options: [localDirectoryOption],
  examples: [{ line: "vdi local open", does: "the deployment that is up on this machine" }],

  shape,

  async run(ctx, input) {
    const config = localConfig(ctx, input);
    const { up, address } = await localStatus(await ctx.ports.connectEngine(), config, ctx.now());
    if (!up) throw new VdiError({ what: `${config.namespace} is not up`, why: "proxy or broker do not run", try: "vdi local up" });
    return { address, opened: await (await ctx.ports.machine()).openBrowser(address) };
  },

  human: (data) => data.address,
};
