import path from "node:path";
import { describe, expect, it } from "vitest";
import { allChecks } from "../../../src/checks/all.ts";
import { checksPage } from "../../../src/checks/check.ts";
import { checksDocument } from "../../../src/checks/document.ts";

const root = path.join(import.meta.dirname, "../../..");
const file = path.join(root, checksPage);

describe("doc/checks.md", () => {
  // `npm run docs` writes the page anew.
  it("is what the checks say", async () => {
    await expect(checksDocument()).toMatchFileSnapshot(file);
  });

  it("has the anchor that each check's findings point to", () => {
    const anchors = new Set([...checksDocument().matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) => anchorOf(title)));
    expect(allChecks.map(({ id }) => id).filter((id) => !anchors.has(id))).toEqual([]);
  });
});

describe("the checks", () => {
  it("have ids that are anchors, each once", () => {
    const ids = allChecks.map(({ id }) => id);
    expect(ids.filter((id) => anchorOf(id) !== id)).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("need only checks that come before them and are there in the same run", () => {
    for (const [at, { id, needs, onlyDeployed }] of allChecks.entries()) {
      for (const needed of needs) {
        const place = allChecks.findIndex((other) => other.id === needed);
        expect(place, `${id} needs ${needed}`).toBeGreaterThanOrEqual(0);
        expect(place, `${id} needs ${needed}`).toBeLessThan(at);
        if (onlyDeployed !== true) expect(allChecks[place]?.onlyDeployed, `${id} needs ${needed}`).toBeUndefined();
      }
    }
  });

  it("say what to try, and state what holds", () => {
    for (const { id, hint, description, looksAt } of allChecks) {
      expect(hint.length, id).toBeGreaterThan(0);
      expect(description, id).toMatch(/^[^.]{8,70}$/);
      expect(looksAt, id).toMatch(/\.$/);
    }
  });
});

/** As GitHub makes an anchor of a heading. */
function anchorOf(title: string): string {
  return title
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}
