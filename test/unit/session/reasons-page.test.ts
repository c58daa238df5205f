import path from "node:path";
import { expect, it } from "vitest";
import { reasonsPage } from "../../../src/session/reasons-page.ts";

// `npm run docs` writes the page anew.
it("doc/sessions.md is what the table of reasons says", async () => {
  await expect(reasonsPage()).toMatchFileSnapshot(path.join(import.meta.dirname, "../../../doc/sessions.md"));
});
