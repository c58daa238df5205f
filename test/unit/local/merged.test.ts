import { describe, expect, it } from "vitest";
import { merged } from "../../../src/local/merged.ts";

async function* later(...items: readonly (readonly [number, string])[]): AsyncGenerator<string> {
  for (const [ms, item] of items) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    yield item;
  }
}

async function all(source: AsyncIterable<string>): Promise<readonly string[]> {
  const items: string[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describe("several sources", () => {
  const signal = new AbortController().signal;

  it("give each item as it comes, until all have ended", async () => {
    const items = await all(merged([later([1, "a"], [60, "c"]), later([25, "b"])], signal));
    expect(items).toEqual(["a", "b", "c"]);
  });

  it("end when the signal says so, whatever they still wait for", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    expect(await all(merged([later([1, "a"], [10_000, "never"])], stop.signal))).toEqual(["a"]);
  });

  it("fail when one of them fails, after what came before", async () => {
    async function* broken(): AsyncGenerator<string> {
      yield "a";
      throw new Error("cut off");
    }
    await expect(all(merged([broken(), later([10_000, "never"])], signal))).rejects.toThrow("cut off");
  });
});
