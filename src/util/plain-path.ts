/** Whether a text is an absolute path of characters that stand for themselves in every script and file that the path is put into. */
export function isPlainPath(text: string): boolean {
  return /^\/[A-Za-z0-9._/-]*$/.test(text);
}
