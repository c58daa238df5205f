import { describe, expect, it } from "vitest";
import { keptCopy, renderedCopy } from "../../../src/deployment/rendered-copy.ts";

const objects = [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "n" }, data: { key: "value" } }];
const changed = [{ ...objects[0], apiVersion: "v1", kind: "ConfigMap", metadata: { name: "b" } }];

describe("the copy of what is applied", () => {
  it("is the YAML, and a line that says what it was made of", () => {
    const copy = keptCopy(objects, undefined);
    expect(copy.startsWith(renderedCopy(objects))).toBe(true);
    expect(copy.slice(renderedCopy(objects).length)).toMatch(/^# Made of [0-9a-f]{64}; the text above: [0-9a-f]{64}\n$/);
  });

  it("stays as it is while the objects are the same", () => {
    const copy = keptCopy(objects, undefined);
    expect(keptCopy(objects, copy)).toBe(copy);
  });

  it.each([
    ["the objects have changed", keptCopy(changed, undefined)],
    ["somebody has edited it", keptCopy(objects, undefined).replace("value", "other")],
    ["something was added to its end", `${keptCopy(objects, undefined)}# x\n`],
    ["it is from before there was such a line", renderedCopy(objects)],
    ["it is empty", ""],
  ])("is written anew when %s", (_why, before) => {
    expect(keptCopy(objects, before)).toBe(keptCopy(objects, undefined));
  });
});
