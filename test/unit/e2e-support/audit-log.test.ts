import { appendFileSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askedByBrokers } from "../../e2e/support/audit-log.ts";
import type { Demo } from "../../start/demo.ts";

const fromMs = Date.parse("2026-01-01T12:00:00Z");
let directory: string;
let demo: Demo;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "vdi-audit-"));
  demo = { namespace: "desks", auditLog: join(directory, "audit.log") } as Demo;
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function line(requestURI: string, minute: number): string {
  const requestReceivedTimestamp = new Date(fromMs + minute * 60_000).toISOString();
  const user = { username: "system:serviceaccount:ingress-desks:xpra-proxy-broker" };
  return `${JSON.stringify({ verb: "get", requestURI, stage: "ResponseComplete", user, requestReceivedTimestamp })}\n`;
}

/** A file that was put aside, last written at this minute. */
function putAside(name: string, minute: number, text: string): void {
  writeFileSync(join(directory, name), text);
  const seconds = fromMs / 1_000 + minute * 60;
  utimesSync(join(directory, name), seconds, seconds);
}

describe("the audit log", () => {
  it("is read with what was put aside since, each line once and in its order", () => {
    putAside("audit-2026-01-01T11-59-00.000.log", -1, "not to be read\n");
    putAside("audit-2026-01-01T12-01-00.000.log", 1, line("/before", -1) + line("/first", 1));
    putAside("audit-2026-01-01T12-02-00.000.log", 2, line("/second", 2));
    putAside("kube-apiserver.log", 2, "not to be read\n");
    writeFileSync(demo.auditLog ?? "", line("/second", 2) + line("/third", 3));
    expect(askedByBrokers(demo, fromMs).map(({ requestURI }) => requestURI)).toEqual(["/first", "/second", "/third"]);
  });

  it("is read without a line that is under way, and without what others ask", () => {
    writeFileSync(demo.auditLog ?? "", line("/whole", 1));
    appendFileSync(demo.auditLog ?? "", line("/other", 2).replace("ingress-desks", "ingress-others"));
    appendFileSync(demo.auditLog ?? "", line("/half", 3).slice(0, -20));
    expect(askedByBrokers(demo, fromMs).map(({ requestURI }) => requestURI)).toEqual(["/whole"]);
  });
});
