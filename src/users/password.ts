import { randomInt, timingSafeEqual } from "node:crypto";
import { execa } from "execa";
import { ExitCode } from "../util/exit-code.ts";
import { messageOf, VdiError } from "../util/vdi-error.ts";

/** Without the letters and digits that people take for each other. */
const alphabet = "abcdefghjkmnpqrstuvwxyz23456789";

/** A new password of 59 random bits, in groups that can be read aloud: `k7mp-x2vq-hw9d`. */
export function generatePassword(): string {
  const group = (): string => Array.from({ length: 4 }, () => alphabet[randomInt(alphabet.length)] ?? "").join("");
  return `${group()}-${group()}-${group()}`;
}

/** The password that stands on standard input: its first and only line. Throws a usage error for one that cannot be used. */
export function passwordFrom(text: string): string {
  // Editors of other systems put a byte order mark before it, which nobody types at the sign-in.
  const password = text.replace(/^\ufeff/, "").replace(/\r?\n$/, "");
  const problem = problemOf(password);
  if (problem === undefined) return password;
  throw new VdiError({ what: "the password on standard input cannot be used", why: problem, exitCode: ExitCode.usage });
}

function problemOf(password: string): string | undefined {
  if (password === "") return "there is none";
  if (/\p{Cc}/u.test(password)) return "it has more than one line, or a control character";
  // openssl cuts longer ones off without a word.
  if (Buffer.byteLength(password) > 200) return "it is longer than 200 bytes";
  if (password.length < 8) return "it is shorter than 8 characters";
  return undefined;
}

/** The SHA-512 crypt(3) hash of each password, each with a salt of its own. The passwords go to openssl by its standard input. */
export async function hashPasswords(passwords: readonly string[], signal?: AbortSignal): Promise<readonly string[]> {
  if (passwords.length === 0) return [];
  return openssl([], passwords, signal);
}

/** True when the hash is that of the password. A hash of another kind than ours is not looked into: false. */
export async function isPasswordOf(hash: string, password: string, signal?: AbortSignal): Promise<boolean> {
  const salt = /^\$6\$([./0-9A-Za-z]{1,16})\$[./0-9A-Za-z]{86}$/.exec(hash)?.[1];
  if (salt === undefined) return false;
  const [found] = await openssl(["-salt", salt], [password], signal);
  return found !== undefined && found.length === hash.length && timingSafeEqual(Buffer.from(found), Buffer.from(hash));
}

async function openssl(args: readonly string[], passwords: readonly string[], signal: AbortSignal | undefined): Promise<readonly string[]> {
  try {
    const { stdout } = await execa("openssl", ["passwd", "-6", ...args, "-stdin"], {
      input: passwords.map((password) => `${password}\n`).join(""),
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    });
    const hashes = stdout.split("\n");
    if (hashes.length === passwords.length && hashes.every((hash) => hash.startsWith("$6$"))) return hashes;
    throw new Error("its answer is not a SHA-512 hash for each password");
  } catch (thrown) {
    signal?.throwIfAborted();
    const { shortMessage, code } = thrown as { shortMessage?: string; code?: string };
    throw new VdiError({
      what: "the passwords could not be hashed",
      why: code === "ENOENT" ? "the command openssl is not there" : (shortMessage ?? messageOf(thrown)),
      try: code === "ENOENT" ? "install openssl" : undefined,
    });
  }
}
