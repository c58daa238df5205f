import { secretWords } from "../util/secret-words.ts";

const hidden = "(secret)";

/** What has the form of a secret, whoever printed it. */
const patterns: readonly (readonly [RegExp, string])[] = [
  // A password in a URL: tcp://alice:geheim@10.0.0.7:14500/
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi, `$1${hidden}@`],
  // NAME=value, name: value and "name":"value", where the name says that it is one.
  [new RegExp(`(\\b[\\w-]*(?:${secretWords}|ticket)[\\w-]*["']?\\s*[=:]\\s*)("[^"]*"|'[^']*'|[^\\s,;&"']+)`, "gi"), `$1${hidden}`],
  [/(\bBearer\s+)[\w.~+/=-]+/gi, `$1${hidden}`],
  // Hashes of crypt(3).
  [/\$(?:1|2[aby]?|5|6|7|y|gy)\$[./0-9A-Za-z$=,]{8,}/g, hidden],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, hidden],
];

/** A line of a log without what is or looks like a secret. `known`: the values that must not be shown. */
export function redact(text: string, known: readonly string[] = []): string {
  const safe = known.filter((secret) => secret.length >= 6).reduce((line, secret) => line.replaceAll(secret, hidden), text);
  return patterns.reduce((line, [pattern, instead]) => line.replace(pattern, instead), safe);
}
