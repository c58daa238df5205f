import { describe, expect, it } from "vitest";
import { failureShape } from "../../../src/cli/print-error.ts";
import { problemsOf } from "../../../src/util/shape.ts";
import { runVdi } from "../support/run-vdi.ts";

const failures: readonly (readonly [string, readonly string[], number, string])[] = [
  ["a configuration that is not there", ["status", "--dir", "/nonexistent", "-o", "json"], 2, "/nonexistent is not a deployment directory"],
  ["an option that is not there", ["status", "--frobnicate", "--output", "json"], 2, "unknown option '--frobnicate'"],
  ["a command that is not there", ["dploy", "-o", "json"], 2, "unknown command 'dploy'"],
];

describe("a failure with -o json", () => {
  it.each(failures)("of %s is the last line of standard error", async (_, argv, code, what) => {
    const { stdout, stderr, exitCode } = await runVdi(argv, { cwd: "/" });
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: code });
    const line: unknown = JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "");
    expect(problemsOf(failureShape, line)).toEqual([]);
    expect(line).toMatchObject({ error: { what, exitCode: code } });
  });

  it("is in words without it", async () => {
    expect((await runVdi(["status", "--dir", "/nonexistent"], { cwd: "/" })).stderr).toMatch(/^error: \/nonexistent is not/);
  });
});
