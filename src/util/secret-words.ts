/** What the name of a secret has in it, whoever named it; for a regular expression that ignores case. */
export const secretWords = "password|passwd|passphrase|secret|token";
