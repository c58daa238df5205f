import { createPrivateKey, X509Certificate } from "node:crypto";

/** The certificate that a PEM text holds, or undefined when it holds none. */
export function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

/** True when a PEM text holds the private key of a certificate. */
export function keyFits(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}
