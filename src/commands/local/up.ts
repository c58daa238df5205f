import { bringUp } from "../../local/up.ts";
import type { Command } from "../../util/command.ts";
import { counted } from "../../util/counted.ts";
import { choice, type DataOf, list, number, object, optional, text, texts } from "../../util/shape.ts";
import { wrapped } from "../../util/wrap.ts";
import { directoryField, namespaceField } from "../shapes.ts";
import { localDirectoryOption, noInstallOption } from "./options.ts";

const shape = object({
  directory: directoryField,
  namespace: namespaceField,
  address: text("where the page answers"),
  users: texts("who can sign in with a password"),
  password: optional(text("of the demo users; only the first time")),
  built: texts("images that were built now"),
  changes: list(
    object({
      kind: choice(["network", "volume", "files", "container"], "what it is"),
      name: text("its name in the engine; of files: that of their volume"),
      outcome: choice(["created", "changed", "unchanged"], "what was done"),
    }),
    "what was made or changed on the engine; empty: all was as it should be",
  ),
  warnings: texts("a sentence each"),
  seconds: number("how long it took"),
});

/** What `vdi local up` gives. */
export type LocalUp = DataOf<typeof shape>;

const indent = " ".repeat(10);

/** `vdi local up`: a desktop in the browser, on this machine. */
export const localUp: Command<LocalUp> = {
  path: ["local", "up"],
  summary: "bring the desktops up on this machine",
  description:
    "Makes everything that is missing, and only that: the engine (on Debian 12 and 13, as root), a deployment directory, the images, users, volumes, network and containers. Ends when the page answers. Run again it changes nothing, or goes on where it was interrupted.",
  options: [
    localDirectoryOption,
    { name: "listen", type: "string", value: "ADDRESS", description: "address of this machine to answer on (kept in deploy/vdi.env)" },
    { name: "port", type: "number", value: "PORT", description: "port to answer on (kept in deploy/vdi.env)" },
    noInstallOption,
  ],
  examples: [
    { line: "vdi local up", does: "https://localhost:8443/, for this machine only" },
    { line: "vdi local up --listen 192.0.2.10 --port 443", does: "for others too" },
    { line: "vdi local up --dir ~/try/vdi-dev", does: "a second one, with a directory of its own" },
  ],

  shape,

  run: (ctx, input) => bringUp(ctx, input),

  human(data, style) {
    const { password, changes, built } = data;
    const done = [
      ...(built.length === 0 ? [] : [`built ${built.join(", ")}`]),
      changes.length === 0 && built.length === 0 ? "all was as it should be" : `${counted(changes.length, "change")} on the engine`,
      `${data.seconds.toFixed(1)} s`,
    ];
    return [
      ...data.warnings.map((warning) => style.yellow(wrapped(`warning: ${warning}`, ""))),
      `address   ${style.bold(data.address)}`,
      ...(data.users.length === 0 ? [] : [`users     ${wrapped(data.users.join(", "), indent).trimStart()}`]),
      ...(password === undefined
        ? []
        : [
            `password  ${style.bold(password)}`,
            `${indent}of each of them; not shown again, it is in ${data.directory}/protected/demo-password`,
          ]),
      style.dim(done.join(", ")),
    ].join("\n");
  },
};
