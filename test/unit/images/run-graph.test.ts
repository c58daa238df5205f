import { describe, expect, it } from "vitest";
import { type GraphTask, runGraph } from "../../../src/images/run-graph.ts";

const tasks: GraphTask[] = [
  { name: "base", after: [] },
  { name: "xfce4", after: ["base"] },
  { name: "proxy", after: ["not among them"] },
  { name: "office", after: ["xfce4"] },
];

describe("runGraph", () => {
  it("begins each task when those before it are done, at most so many at once", async () => {
    const log: string[] = [];
    let running = 0;
    let most = 0;
    await runGraph(
      tasks,
      2,
      async ({ name }) => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running -= 1;
        log.push(name);
      },
      () => undefined,
    );
    expect(most).toBe(2);
    expect(log.indexOf("base")).toBeLessThan(log.indexOf("xfce4"));
    expect(log.indexOf("xfce4")).toBeLessThan(log.indexOf("office"));
    expect(log).toHaveLength(4);
  });

  it("calls stop once at the first failure, waits for what runs, begins nothing new and throws that failure", async () => {
    const began: string[] = [];
    let stops = 0;
    let release: () => void = () => undefined;
    const stopped = new Promise<void>((resolve) => {
      release = resolve;
    });
    let ended = false;
    const run = async ({ name }: GraphTask): Promise<void> => {
      began.push(name);
      if (name === "base") throw new Error("base failed");
      await stopped;
      ended = true;
      throw new Error("stopped");
    };
    const stop = (): void => {
      stops += 1;
      release();
    };
    await expect(runGraph(tasks, 2, run, stop)).rejects.toThrow("base failed");
    expect([began, stops, ended]).toEqual([["base", "proxy"], 1, true]);
  });
});
