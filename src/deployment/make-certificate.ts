import "reflect-metadata";
import { createPrivateKey, createPublicKey, randomBytes, webcrypto } from "node:crypto";
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
import { messageOf, VdiError } from "../util/vdi-error.ts";
import { keyFits, parseCertificate } from "./pem.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 24 * 60 * 60 * 1000;
const caDays = 3650;
/** Longer ones are refused by some clients, even from an own CA. */
const serverDays = 397;

/** By which names and addresses users reach the proxies. */
export interface CertificateNames {
  /** The first one stands in the subject. */
  readonly dns: readonly string[];
  readonly addresses: readonly string[];
}

/** A certificate authority of a deployment, with the key that signs. */
export interface Issuer {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly subject: string;
  readonly isNew: boolean;
}

/** The authority that is there when it can still sign for long enough, else a new one. */
export async function usableCa(ca: string | undefined, caKey: string | undefined, names: CertificateNames, now: number): Promise<Issuer> {
  const parsed = ca === undefined ? undefined : parseCertificate(ca);
  if (
    ca !== undefined &&
    caKey !== undefined &&
    parsed !== undefined &&
    keyFits(parsed, caKey) &&
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

/** A new key and its certificate for the proxies. */
export async function makeServerCertificate(
  issuer: Issuer,
  names: CertificateNames,
  now: number,
): Promise<{ certificate: string; key: string }> {
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
