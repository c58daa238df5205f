import { describe, expect, it } from "vitest";
import { configExplain } from "../../../src/commands/config/explain.ts";
import { isSecretName, variables } from "../../../src/config/variables.ts";
import type { Context } from "../../../src/util/context.ts";

async function changesOf(name: string): Promise<readonly string[]> {
  // There is no deployment directory at the root, so that only what holds everywhere is told.
  const { changes } = await configExplain.run({ cwd: "/", env: {} } as unknown as Context, { name });
  return changes.map(({ what }) => what);
}

describe("what vdi config explain says of etc/xpra-vars.sh", () => {
  it("is that it changes with every variable whose name is no secret's", async () => {
    for (const { name, dropped } of variables) {
      expect((await changesOf(name)).includes("scripts"), name).toBe(dropped === undefined && !isSecretName(name));
    }
  });

  it.each(["SSL_KEY", "IMAGE_KEYBOARD", "XPRA_MY_TOKEN"])("is nothing for %s, which the file leaves out", async (name) => {
    expect(await changesOf(name)).not.toContain("scripts");
  });
});
