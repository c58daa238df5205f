import type { Style } from "./command.ts";

/** Columns of text, as wide as they need to be. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[], style: Style): string {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [style.bold(line(heads)), ...rows.map(line)].join("\n");
}

/** The time between two moments (RFC 3339) as kubectl shows it: `45s`, `12m`, `3h`, `5d`. */
export function ageText(from: string, to: string): string {
  const seconds = Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 1000));
  if (Number.isNaN(seconds)) return "";
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
