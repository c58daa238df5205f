import { describe, expect, it } from "vitest";
import { styleFor } from "../../src/cli/output.ts";
import { describeFailure, failureLine } from "../../src/cli/print-error.ts";
import { VdiError } from "../../src/util/vdi-error.ts";

const style = styleFor(false);

describe("a failure on stderr", () => {
  it("says what, why, what to try and where to read on", () => {
    const error = new VdiError({ what: "no such thing", why: "two\nlines", try: ["this", "that"], see: "doc/x.md", exitCode: 2 });
    expect(describeFailure(error, false, style)).toEqual({
      text: "error: no such thing\n  two\n  lines\n  try: this\n  try: that\n  see: doc/x.md\n",
      exitCode: 2,
    });
  });

  it("is a bug of ours when nobody foresaw it", () => {
    const { text, exitCode } = describeFailure(new TypeError("x is undefined"), false, style);
    expect(exitCode).toBe(70);
    expect(text).toMatch(/^error: a bug in vdi\n {2}TypeError: x is undefined/);
  });

  it.each([
    Object.assign(new Error("ENOSPC: no space left on device, open '/srv/x'"), { code: "ENOSPC" }),
    new Error("write /x: disk quota exceeded"),
  ])("is no bug where a disk is full: $message", (error) => {
    const { text, exitCode } = describeFailure(error, false, style);
    expect(exitCode).toBe(1);
    expect(text).toMatch(`error: there is no space left on a disk\n  ${error.message}\n  try: df -h`);
    expect(JSON.parse(failureLine(error, false))).toMatchObject({ error: { why: error.message, exitCode: 1 } });
  });

  it.each(["EACCES", "EROFS", "ENOTDIR"])("is no bug where the system refuses a file: %s", (code) => {
    const error = Object.assign(new Error(`${code}: refused, mkdir '/srv/x'`), { code, path: "/srv/x" });
    const { text, exitCode } = describeFailure(error, false, style);
    expect(exitCode).toBe(1);
    expect(text).toMatch(/^error: \/srv\/x cannot be used\n/);
    expect(text).toContain(error.message);
  });

  it("is an interruption when the admin wanted it to end", () => {
    const abort = new DOMException("aborted", "AbortError");
    expect(describeFailure(abort, true, style).exitCode).toBe(130);
    expect(describeFailure(abort, false, style).exitCode).toBe(70);
  });
});
