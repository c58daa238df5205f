/** What secrets look like wherever they stand: the part to keep, and the part to leave out. */
const patterns: readonly [RegExp, string][] = [
  // user:password@ of an address
  [/(\b[a-z]+:\/\/[^\s:/@"']*:)[^\s@"']+(?=@)/gi, "$1[redacted]"],
  [/(\bBearer\s+)[\w.~+/=-]+/gi, "$1[redacted]"],
  [/("[\w-]*(?:password|secret|ticket|token)"\s*:\s*")(?:[^"\\]|\\.)+/gi, "$1[redacted]"],
  // password=x, XPRA_PASSWORD:  x (kubectl describe)
  [/((?:password|passwd|secret|ticket|token)"?\s*[:=]\s*"?)(?!null\b|<|\[|\{)[^\s",}]{4,}/gi, "$1[redacted]"],
  // JSON Web Tokens
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, "[redacted]"],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g, "[redacted private key]"],
  // crypt(3) hashes of a shadow file
  [/\$(?:6|y|5|2[aby]|1)\$[^\s:]{8,}/g, "[redacted hash]"],
];

/** Gives a function that takes the given secrets, and whatever looks like one, out of a text. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  // Shorter ones would tear words apart; the longest first, since one may be a part of another.
  const known = [...new Set(secrets)].filter((secret) => secret.length >= 4).sort((a, b) => b.length - a.length);
  return (text) => {
    const without = known.reduce((rest, secret) => rest.replaceAll(secret, "[redacted]"), text);
    return patterns.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), without);
  };
}
