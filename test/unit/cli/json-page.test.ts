import path from "node:path";
import { expect, it } from "vitest";
import { jsonPage } from "../../../src/cli/json-page.ts";
import { commands } from "../../../src/commands/index.ts";

// `npm run docs` writes the page anew.
it("doc/json.md is what the commands' shapes say", async () => {
  const loaded = await Promise.all(commands.map((entry) => entry.load()));
  await expect(jsonPage(loaded)).toMatchFileSnapshot(path.join(import.meta.dirname, "../../../doc/json.md"));
});
