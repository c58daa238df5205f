import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureCertificate } from "../../../src/deployment/certificate.ts";

const now = Date.parse("2026-06-01T12:00:00Z");
const dayMs = 86_400_000;
const names = { dns: ["vdi-stp.example.test", "example.test"], addresses: ["192.0.2.10", "2001:db8::7"] };

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "vdi-certificate-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const read = (name: string): string => readFileSync(join(directory, name), "utf8");

describe("ensureCertificate", () => {
  it("makes one that fits its key, names and CA", async () => {
    const made = await ensureCertificate(directory, names, now);
    const certificate = new X509Certificate(made.certificate);
    expect(made.note).toContain("vdi-stp.example.test");
    expect(certificate.checkHost("vdi-stp.example.test")).toBe("vdi-stp.example.test");
    expect(certificate.checkIP("192.0.2.10")).toBe("192.0.2.10");
    expect(certificate.subjectAltName).toContain("2001:DB8:0:0:0:0:0:7");
    expect(certificate.ca).toBe(false);
    expect(new X509Certificate(read("ssl/ca.crt")).ca).toBe(true);
    expect(read("ssl/server.crt")).toBe(made.certificate);
    expect(statSync(join(directory, "ssl/server.key")).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, "protected/ca.key")).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, "protected")).mode & 0o777).toBe(0o700);
  });

  it("is accepted by openssl", async () => {
    await ensureCertificate(directory, names, Date.now());
    const words = execFileSync(
      "openssl",
      ["verify", "-x509_strict", "-CAfile", "ssl/ca.crt", "-verify_hostname", "example.test", "ssl/server.crt"],
      { cwd: directory, encoding: "utf8" },
    );
    expect(words).toContain("ssl/server.crt: OK");
  });

  it("writes nothing a second time", async () => {
    const first = await ensureCertificate(directory, names, now);
    const second = await ensureCertificate(directory, names, now + 30 * dayMs);
    expect(second).toEqual({ certificate: first.certificate, key: first.key });
  });

  it("makes it again, of the same CA, when names change and when the end is near", async () => {
    const first = await ensureCertificate(directory, names, now);
    const ca = read("ssl/ca.crt");
    const renamed = await ensureCertificate(directory, { ...names, addresses: ["192.0.2.11"] }, now);
    expect(renamed.certificate).not.toBe(first.certificate);
    const late = await ensureCertificate(directory, { ...names, addresses: ["192.0.2.11"] }, now + 370 * dayMs);
    expect(late.certificate).not.toBe(renamed.certificate);
    expect(read("ssl/ca.crt")).toBe(ca);
    expect(new X509Certificate(late.certificate).verify(new X509Certificate(ca).publicKey)).toBe(true);
  });

  it("repairs a pair that an interrupted run left", async () => {
    await ensureCertificate(directory, names, now);
    rmSync(join(directory, "ssl/server.crt"));
    const repaired = await ensureCertificate(directory, names, now);
    expect(new X509Certificate(repaired.certificate).verify(new X509Certificate(read("ssl/ca.crt")).publicKey)).toBe(true);
  });

  it.each([
    ["beside the own certificate", false],
    ["without any certificate", true],
  ])("keeps a copy of an admin's key %s, and says where", async (_, isAlone) => {
    await ensureCertificate(directory, names, now);
    const admins = "an admin's key\n";
    writeFileSync(join(directory, "ssl/server.key"), admins);
    if (isAlone) rmSync(join(directory, "ssl/server.crt"));
    expect((await ensureCertificate(directory, names, now, false)).note).toContain(
      "it will be in protected/replaced/2026-06-01T12-00-00-000Z/ssl/server.key",
    );
    expect(read("ssl/server.key")).toBe(admins);
    const { note = "", key } = await ensureCertificate(directory, names, now);
    const [, copy = ""] = /it is in (protected\/replaced\/\S+)$/.exec(note) ?? [];
    expect(read(copy)).toBe(admins);
    expect(statSync(join(directory, copy)).mode & 0o777).toBe(0o600);
    expect(read("ssl/server.key")).toBe(key);
    expect(await ensureCertificate(directory, names, now)).toEqual({ certificate: read("ssl/server.crt"), key });
    expect(readdirSync(join(directory, "protected/replaced"))).toHaveLength(1);
  });

  it("leaves an admin's own pair alone, whatever its names", async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), "vdi-certificate-"));
    const own = await ensureCertificate(elsewhere, { dns: ["other.test"], addresses: [] }, now);
    rmSync(elsewhere, { recursive: true });
    mkdirSync(join(directory, "ssl"));
    writeFileSync(join(directory, "ssl/server.crt"), own.certificate);
    writeFileSync(join(directory, "ssl/server.key"), own.key);
    expect(await ensureCertificate(directory, names, now)).toEqual({ certificate: own.certificate, key: own.key });
    expect(await ensureCertificate(directory, names, now + 380 * dayMs)).toMatchObject({ note: expect.stringContaining("ends in 1") });
    await expect(ensureCertificate(directory, names, now + 400 * dayMs)).rejects.toThrow("has expired");
    writeFileSync(join(directory, "ssl/server.key"), "nonsense");
    await expect(ensureCertificate(directory, names, now)).rejects.toThrow("do not belong together");
    rmSync(join(directory, "ssl/server.key"));
    await expect(ensureCertificate(directory, names, now)).rejects.toThrow("server.key is missing");
  });

  it("writes nothing when it is only for looking at", async () => {
    await ensureCertificate(directory, names, now, false);
    expect(readdirSync(directory)).toEqual([]);
  });
});
