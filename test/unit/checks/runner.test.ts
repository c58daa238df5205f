import { describe, expect, it } from "vitest";
import { type Check, failed, ok, skipped, warning } from "../../../src/checks/check.ts";
import { runChecks } from "../../../src/checks/runner.ts";
import { KubeError } from "../../../src/kube/kube-error.ts";
import { VdiError } from "../../../src/util/vdi-error.ts";

const never = new AbortController().signal;

function check(id: string, run: Check<null>["run"], more: Partial<Check<null>> = {}): Check<null> {
  return {
    id,
    category: "cluster",
    description: `${id} holds`,
    looksAt: "x.",
    hint: [`mend ${id}`],
    severity: "fatal",
    needs: [],
    run,
    ...more,
  };
}

const run = (...checks: Check<null>[]) => runChecks(checks, null, { signal: never });

describe("the runner", () => {
  it("gives results in the order of the list, whichever ends first", async () => {
    const slow = check("slow", () => new Promise((resolve) => setTimeout(() => resolve(ok("late")), 30)));
    const results = await run(
      slow,
      check("quick", async () => ok()),
    );
    expect(results.map(({ id, status }) => [id, status])).toEqual([
      ["slow", "ok"],
      ["quick", "ok"],
    ]);
    expect(results[0]).toMatchObject({ detail: "late", problems: [], try: [] });
  });

  it("skips what needs something that failed, down to the last, and names the first cause", async () => {
    const results = await run(
      check("a", async () => failed("broken")),
      check("b", async () => ok(), { needs: ["a"] }),
      check("c", async () => ok(), { needs: ["b"] }),
      check("d", async () => ok()),
    );
    expect(results.map(({ status }) => status)).toEqual(["failed", "skipped", "skipped", "ok"]);
    expect(results[2]?.why).toBe("needs: a holds");
    expect(results[0]).toMatchObject({ problems: ["broken"], try: ["mend a"], see: "doc/checks.md#a" });
  });

  it("goes on after a warning, and makes a warning of the failure of one that only warns", async () => {
    const results = await run(
      check("a", async () => failed("odd"), { severity: "warning" }),
      check("b", async () => warning("so so", ["look"]), { needs: ["a"] }),
      check("c", async () => ok(), { needs: ["b"] }),
    );
    expect(results.map(({ status }) => status)).toEqual(["warning", "warning", "ok"]);
    expect(results[1]?.try).toEqual(["look"]);
  });

  it("skips what needs something that was skipped", async () => {
    const results = await run(
      check("a", async () => skipped("you may not look")),
      check("b", async () => ok(), { needs: ["a"] }),
    );
    expect(results[1]).toMatchObject({ status: "skipped", why: "you may not look" });
  });

  it("does not wait longer than a check's time, and says what it last saw", async () => {
    let aborted = false;
    const results = await run(
      check(
        "a",
        (_, { saw, signal }) => {
          saw("the door of 192.0.2.1");
          signal.addEventListener("abort", () => {
            aborted = true;
          });
          return new Promise(() => undefined);
        },
        { deadlineMs: 20 },
      ),
    );
    expect(results[0]).toMatchObject({ status: "failed", problems: ["it took longer than 0.02 s; last: the door of 192.0.2.1"] });
    expect(aborted).toBe(true);
  });

  it("takes the words of an error of ours and of the cluster, and tells of a bug without hiding the others", async () => {
    const results = await run(
      check("a", async () => {
        throw new VdiError({ what: "no", why: "one\ntwo", try: "this" });
      }),
      check("b", async () => {
        throw new KubeError({ status: 403, reason: "Forbidden", message: "nodes is forbidden", request: { path: "/x" } });
      }),
      check("c", async () => {
        throw new TypeError("x is not a function");
      }),
      check("d", async () => ok()),
    );
    expect(results[0]).toMatchObject({ status: "failed", problems: ["no", "one", "two"], try: ["this"] });
    expect(results[1]?.problems).toEqual(["the cluster could not be asked", "nodes is forbidden"]);
    expect(results[2]?.problems).toEqual(["a bug of vdi in this check: x is not a function"]);
    expect(results[3]?.status).toBe("ok");
  });

  it("is ended by its signal", async () => {
    const stop = new AbortController();
    const running = runChecks([check("a", () => new Promise(() => undefined))], null, { signal: stop.signal });
    stop.abort();
    await expect(running).rejects.toThrow(/abort/i);
  });

  it("refuses a list in which a check comes before what it needs", async () => {
    await expect(run(check("b", async () => ok(), { needs: ["a"] }))).rejects.toThrow("needs a");
  });
});
