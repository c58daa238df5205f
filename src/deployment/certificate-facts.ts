import { parseCertificate } from "./pem.ts";

/** What an admin wants to know of a certificate. */
export interface CertificateFacts {
  readonly subject: string;
  /** Names and addresses that it is for. */
  readonly names: string;
  /** RFC 3339. */
  readonly validTo: string;
  readonly daysLeft: number;
}

/** The facts of a certificate as PEM; undefined when it is none. `now` in milliseconds. */
export function certificateFacts(pem: string, now: number): CertificateFacts | undefined {
  const certificate = parseCertificate(pem);
  if (certificate === undefined) return undefined;
  const { subject, subjectAltName, validTo } = certificate;
  const end = Date.parse(validTo);
  return { subject, names: subjectAltName ?? "", validTo: new Date(end).toISOString(), daysLeft: Math.floor((end - now) / 86_400_000) };
}
