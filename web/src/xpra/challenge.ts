/** What a client answers to an Xpra challenge. */
export interface ChallengeAnswer {
  readonly challenge_response: Uint8Array;
  readonly challenge_client_salt: Uint8Array;
}

const hashes: Readonly<Record<string, string>> = {
  "hmac+sha256": "SHA-256",
  "hmac+sha384": "SHA-384",
  "hmac+sha512": "SHA-512",
};

/** The digests that this page can answer, strongest first. */
export const digests: readonly string[] = ["hmac+sha512", "hmac+sha384", "hmac+sha256", "xor"];

/** The digests for the salt; `xor` is too weak for it. */
export const saltDigests: readonly string[] = digests.filter((digest) => digest !== "xor");

/** The bytes that Xpra means by a string: one for each character. */
export function latin1Bytes(value: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return typeof value === "string" ? Uint8Array.from(value, (char) => char.charCodeAt(0) & 0xff) : Uint8Array.from(value);
}

async function digest(name: string, key: Uint8Array<ArrayBuffer>, data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  if (name === "xor") {
    // A secret longer than the salt is met with zeros, as Xpra itself does.
    return key.map((byte, index) => byte ^ (data[index] ?? 0));
  }
  const hash = hashes[name];
  if (hash === undefined) throw new Error(`the service asks for the digest "${name}", which this page does not know`);
  const hmac = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash }, false, ["sign"]);
  const signature = new Uint8Array(await crypto.subtle.sign("HMAC", hmac, data));
  const hex = Array.from(signature, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return latin1Bytes(hex);
}

/**
 * Answers a challenge of Xpra with a secret.
 *
 * The client library refuses secrets longer than the salt, and a ticket is longer. `xor` gives the
 * secret to the other side as it is, so it is answered on an encrypted connection only.
 */
export async function answerChallenge(
  serverSalt: string | Uint8Array,
  digestName: string,
  saltDigestName: string,
  secret: string,
  isEncrypted: boolean,
): Promise<ChallengeAnswer> {
  if (digestName === "xor" && !isEncrypted) throw new Error("the connection is not encrypted");
  if (!saltDigests.includes(saltDigestName)) throw new Error(`the service asks for the salt digest "${saltDigestName}"`);
  const theirs = latin1Bytes(serverSalt);
  const ours = crypto.getRandomValues(new Uint8Array(32));
  const salt = await digest(saltDigestName, ours, theirs);
  const key: Uint8Array<ArrayBuffer> = new TextEncoder().encode(secret);
  return { challenge_response: await digest(digestName, key, salt), challenge_client_salt: ours };
}
