/** What the one-shot form is asked, as the old hook was. */
export interface HookInput {
  readonly username: string;
  readonly display: string;
}

/**
 * Reads the hook's standard input: lines `USERNAME='…'`, `XPRA_POD_DISPLAY='…'`, `XPRA_ARGV="…"`.
 * A value is what is between its quotes, as it is: nothing in it is expanded, and no part of it ever reaches a shell.
 */
export function parseHookInput(text: string): HookInput {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [, name, value] = /^\s*(?:export\s+)?([A-Z_]+)=(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) values.set(name, unquoted(value));
  }
  return { username: values.get("USERNAME") ?? "", display: values.get("XPRA_POD_DISPLAY") ?? "" };
}

function unquoted(value: string): string {
  const quote = value[0];
  return value.length >= 2 && (quote === "'" || quote === '"') && value.endsWith(quote) ? value.slice(1, -1) : value;
}
