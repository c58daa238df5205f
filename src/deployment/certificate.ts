import "reflect-metadata";
import { createPrivateKey, createPublicKey, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { join } from "node:path";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { ExitCode } from "../util/exit-code.ts";
import { messageOf, VdiError } from "../util/vdi-error.ts";
import { readTextIfThere, writeFileIfChanged } from "./atomic-file.ts";

/** What the proxies answer with, as PEM. */
export interface ProxyCertificate {
  readonly certificate: string;
  readonly key: string;
  /** What was done, for the admin; undefined when nothing was. */
  readonly note?: string;
}

/** By which names and addresses users reach the proxies. */
export interface CertificateNames {
  /** The first one stands in the subject. */
  readonly dns: readonly string[];
  readonly addresses: readonly string[];
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 24 * 60 * 60 * 1000;
const caDays = 3650;
/** Longer ones are refused by some clients, even from an own CA. */
const serverDays = 397;
const renewDays = 30;

/**
 * The certificate in `ssl/` of a deployment directory. One that the admin put there is checked and used as it is.
 * When there is none, one is made, of a CA whose key stays in `protected/`; what was made here is made again when the names
 * change or the end is near. Without `keep` nothing is written: what is given then is only for looking at.
 */
export async function ensureCertificate(directory: string, names: CertificateNames, now: number, keep = true): Promise<ProxyCertificate> {
  const files = {
    certificate: join(directory, "ssl", "server.crt"),
    key: join(directory, "ssl", "server.key"),
    ca: join(directory, "ssl", "ca.crt"),
    caKey: join(directory, "protected", "ca.key"),
  };
  const [certificate, key, ca, caKey] = await Promise.all(Object.values(files).map(readTextIfThere));
  const isOwn = caKey !== undefined && ca !== undefined && (certificate === undefined || isIssuedBy(certificate, ca));
  if (certificate !== undefined && !isOwn) {
    if (key === undefined) throw certificateError("ssl/server.key is missing", "ssl/server.crt is there without its key");
    return checkAdmins(certificate, key, now);
  }
  if (certificate === undefined && key !== undefined && caKey === undefined) {
    throw certificateError("ssl/server.crt is missing", "ssl/server.key is there without its certificate");
  }
  if (certificate !== undefined && key !== undefined && isGood(certificate, key, names, now)) return { certificate, key };

  const issuer = await usableCa(ca, caKey, names, now);
  if (issuer.isNew && keep) {
    await writeFileIfChanged(files.caKey, issuer.keyPem, 0o600);
    await writeFileIfChanged(files.ca, issuer.certificatePem);
  }
  const made = await makeServerCertificate(issuer, names, now);
  if (keep) {
    // Whoever is interrupted between the two has a pair that does not fit, which the next run makes again.
    await writeFileIfChanged(files.key, made.key, 0o600);
    await writeFileIfChanged(files.certificate, made.certificate);
  }
  const reason = certificate === undefined ? "there was none" : "names changed or its end is near";
  return {
    ...made,
    note: `certificate ${keep ? "made" : "to be made"} for ${[...names.dns, ...names.addresses].join(", ")} (${reason}); users' machines may trust ssl/ca.crt`,
  };
}

function checkAdmins(certificate: string, key: string, now: number): ProxyCertificate {
  const parsed = parse(certificate);
  if (parsed === undefined) throw certificateError("ssl/server.crt is not a certificate", "it is not PEM text of an X.509 certificate");
  if (!fits(parsed, key))
    throw certificateError(
      "ssl/server.crt and ssl/server.key do not belong together",
      "the key is another one, has a passphrase, or is not PEM",
    );
  const end = Date.parse(parsed.validTo);
  if (end <= now) throw certificateError("the certificate in ssl/server.crt has expired", `on ${new Date(end).toISOString().slice(0, 10)}`);
  const days = Math.floor((end - now) / dayMs);
  return { certificate, key, ...(days < renewDays ? { note: `warning: the certificate in ssl/server.crt ends in ${days} days` } : {}) };
}

function certificateError(what: string, why: string): VdiError {
  return new VdiError({ what, why, try: "put both files there, or remove both and let vdi make them", exitCode: ExitCode.usage });
}

function isGood(certificate: string, key: string, names: CertificateNames, now: number): boolean {
  const parsed = parse(certificate);
  if (parsed === undefined || !fits(parsed, key) || Date.parse(parsed.validTo) - now < renewDays * dayMs) return false;
  return subjectAltNames(parsed).join() === wantedAltNames(names).join();
}

function subjectAltNames(certificate: X509Certificate): string[] {
  return (certificate.subjectAltName ?? "")
    .split(", ")
    .filter((name) => name !== "")
    .map((name) => name.replace(/^IP Address:/, "IP:"))
    .map(normalAddress)
    .sort();
}

function wantedAltNames({ dns, addresses }: CertificateNames): string[] {
  return [...dns.map((name) => `DNS:${name}`), ...addresses.map((address) => normalAddress(`IP:${address}`))].sort();
}

/** OpenSSL prints IPv6 addresses in full and in capitals. */
function normalAddress(name: string): string {
  if (!name.startsWith("IP:") || (!name.includes("::") && name.split(":").length < 4)) return name;
  return `IP:${new URL(`http://[${name.slice(3)}]/`).hostname.slice(1, -1)}`;
}

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function fits(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function isIssuedBy(certificate: string, ca: string): boolean {
  const [child, parent] = [parse(certificate), parse(ca)];
  return child !== undefined && parent !== undefined && child.verify(parent.publicKey);
}

interface Issuer {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly subject: string;
  readonly isNew: boolean;
}

async function usableCa(ca: string | undefined, caKey: string | undefined, names: CertificateNames, now: number): Promise<Issuer> {
  const parsed = ca === undefined ? undefined : parse(ca);
  if (
    ca !== undefined &&
    caKey !== undefined &&
    parsed !== undefined &&
    fits(parsed, caKey) &&
    Date.parse(parsed.validTo) - now > serverDays * dayMs
  ) {
    const privateKey = await importKey(createPrivateKey(caKey).export({ type: "pkcs8", format: "der" }), "pkcs8", "sign");
    const publicKey = await importKey(createPublicKey(caKey).export({ type: "spki", format: "der" }), "spki", "verify");
    const subject = parsed.subject.split("\n").join(", ");
    return { certificatePem: ca, keyPem: caKey, keys: { privateKey, publicKey }, subject, isNew: false };
  }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const subject = `CN=${commonName(`vdi CA ${names.dns[0] ?? names.addresses[0] ?? ""}`)}`;
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: subject,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: algorithm,
    serialNumber: serial(),
    notBefore: new Date(now - 60 * 60 * 1000),
    notAfter: new Date(now + caDays * dayMs),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: pemEnd(certificate.toString("pem")), keyPem: await privatePem(keys.privateKey), keys, subject, isNew: true };
}

async function makeServerCertificate(issuer: Issuer, names: CertificateNames, now: number): Promise<{ certificate: string; key: string }> {
  try {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const altNames = [
      ...names.dns.map((value) => ({ type: "dns" as const, value })),
      ...names.addresses.map((value) => ({ type: "ip" as const, value })),
    ];
    const extensions: Extension[] = [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(altNames),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
    ];
    const certificate = await X509CertificateGenerator.create({
      subject: `CN=${commonName(names.dns[0] ?? names.addresses[0] ?? "vdi")}`,
      issuer: issuer.subject,
      publicKey: keys.publicKey,
      signingKey: issuer.keys.privateKey,
      signingAlgorithm: algorithm,
      serialNumber: serial(),
      notBefore: new Date(now - 60 * 60 * 1000),
      notAfter: new Date(now + serverDays * dayMs),
      extensions,
    });
    return { certificate: pemEnd(certificate.toString("pem")), key: await privatePem(keys.privateKey) };
  } catch (thrown) {
    throw new VdiError({
      what: "the certificate could not be made",
      why: messageOf(thrown),
      try: "put your own into ssl/server.crt and ssl/server.key",
      cause: thrown,
    });
  }
}

function importKey(der: Buffer, format: "pkcs8" | "spki", usage: "sign" | "verify"): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey(format, der, algorithm, true, [usage]);
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ type: "pkcs8", format: "pem" }).toString();
}

/** A subject's name has at most 64 characters, and what has a meaning in it is left out. */
function commonName(text: string): string {
  return text.replace(/[^A-Za-z0-9.: *-]/g, "").slice(0, 64);
}

/** 16 random bytes that make a positive number. */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

function pemEnd(pem: string): string {
  return pem.endsWith("\n") ? pem : `${pem}\n`;
}
