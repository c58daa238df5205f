import path from "node:path";
import { expect, it } from "vitest";
import { configurationPage } from "../../../src/config/document.ts";

// `npm run docs` writes the page anew.
it("doc/configuration.md is what the table of variables says", async () => {
  await expect(configurationPage()).toMatchFileSnapshot(path.join(import.meta.dirname, "../../../doc/configuration.md"));
});
