import type { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { readTextIfThere, writeFileIfChanged } from "../util/atomic-file.ts";
import { counted } from "../util/counted.ts";
import { ExitCode } from "../util/exit-code.ts";
import { replacedDirectory } from "../util/replaced-directory.ts";
import { VdiError } from "../util/vdi-error.ts";
import type { CertificateNames } from "./make-certificate.ts";
import { keyFits, parseCertificate } from "./pem.ts";

/** What the proxies answer with, as PEM. */
export interface ProxyCertificate {
  readonly certificate: string;
  readonly key: string;
  /** What was done, for the admin; undefined when nothing was. */
  readonly note?: string;
}

const dayMs = 24 * 60 * 60 * 1000;
const renewDays = 30;

/**
 * The certificate in `ssl/` of a deployment directory. One that the admin put there is checked and used as it is.
 * When there is none, one is made, of a CA whose key stays in `protected/`; what was made here is made again when the names
 * change or the end is near, and a key that does not belong to it is kept elsewhere. Without `keep` nothing is written: what is given
 * then is only for looking at.
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

  // The library takes longer to load than all of a deploy that changes nothing.
  const { makeServerCertificate, usableCa } = await import("./make-certificate.ts");
  const issuer = await usableCa(ca, caKey, names, now);
  if (issuer.isNew && keep) {
    await writeFileIfChanged(files.caKey, issuer.keyPem, 0o600);
    await writeFileIfChanged(files.ca, issuer.certificatePem);
  }
  const made = await makeServerCertificate(issuer, names, now);
  const stray = key !== undefined && !belongsTo(key, certificate) ? key : undefined;
  const copy = `${replacedDirectory(now)}/ssl/server.key`;
  if (keep) {
    // An admin's, for a certificate that is still to come; it may also be what an interrupted run left.
    if (stray !== undefined) await writeFileIfChanged(join(directory, copy), stray, 0o600);
    // Whoever is interrupted between the two has a pair that does not fit, which the next run makes again.
    await writeFileIfChanged(files.key, made.key, 0o600);
    await writeFileIfChanged(files.certificate, made.certificate);
  }
  const reason =
    certificate === undefined ? "there was none" : stray === undefined ? "names changed or its end is near" : "its key was another one";
  const notes = [
    `certificate ${keep ? "made" : "to be made"} for ${[...names.dns, ...names.addresses].join(", ")} (${reason})`,
    "users' machines may trust ssl/ca.crt",
    ...(stray === undefined
      ? []
      : [`the key in ssl/server.key was not that of ssl/server.crt: ${keep ? "it is" : "it will be"} in ${copy}`]),
  ];
  return { ...made, note: notes.join("; ") };
}

function belongsTo(key: string, certificate: string | undefined): boolean {
  const parsed = certificate === undefined ? undefined : parseCertificate(certificate);
  return parsed !== undefined && keyFits(parsed, key);
}

function checkAdmins(certificate: string, key: string, now: number): ProxyCertificate {
  const parsed = parseCertificate(certificate);
  if (parsed === undefined) throw certificateError("ssl/server.crt is not a certificate", "it is not PEM text of an X.509 certificate");
  if (!keyFits(parsed, key))
    throw certificateError(
      "ssl/server.crt and ssl/server.key do not belong together",
      "the key is another one, has a passphrase, or is not PEM",
    );
  const end = Date.parse(parsed.validTo);
  if (end <= now) throw certificateError("the certificate in ssl/server.crt has expired", `on ${new Date(end).toISOString().slice(0, 10)}`);
  const days = Math.floor((end - now) / dayMs);
  return {
    certificate,
    key,
    ...(days < renewDays ? { note: `warning: the certificate in ssl/server.crt ends in ${counted(days, "day")}` } : {}),
  };
}

function certificateError(what: string, why: string): VdiError {
  return new VdiError({ what, why, try: "put both files there, or remove both and let vdi make them", exitCode: ExitCode.usage });
}

function isGood(certificate: string, key: string, names: CertificateNames, now: number): boolean {
  const parsed = parseCertificate(certificate);
  if (parsed === undefined || !keyFits(parsed, key) || Date.parse(parsed.validTo) - now < renewDays * dayMs) return false;
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

function isIssuedBy(certificate: string, ca: string): boolean {
  const [child, parent] = [parseCertificate(certificate), parseCertificate(ca)];
  return child !== undefined && parent !== undefined && child.verify(parent.publicKey);
}
