import type { Command, StreamCommand, Style } from "../util/command.ts";

/** How a result is printed. */
export type OutputFormat = "human" | "json" | "yaml";

const plain = (text: string): string => text;
const ansi =
  (open: number, close: number) =>
  (text: string): string =>
    `\u001b[${open}m${text}\u001b[${close}m`;

/** Text attributes, or none at all when colour is off. */
export function styleFor(colour: boolean): Style {
  const attribute = (open: number, close: number): ((text: string) => string) => (colour ? ansi(open, close) : plain);
  return {
    bold: attribute(1, 22),
    dim: attribute(2, 22),
    green: attribute(32, 39),
    yellow: attribute(33, 39),
    red: attribute(31, 39),
    blue: attribute(34, 39),
    magenta: attribute(35, 39),
    cyan: attribute(36, 39),
  };
}

/** The text of a command's data in the wanted form, with its last line break; empty when there is nothing to say. */
export async function formatData<Data>(command: Command<Data>, data: Data, format: OutputFormat, style: Style): Promise<string> {
  const text =
    format === "json"
      ? JSON.stringify(data ?? null, null, 2)
      : format === "yaml"
        ? (await import("yaml")).stringify(data ?? null, { aliasDuplicateObjects: false }).trimEnd()
        : command.human(data, style);
  return text === "" ? "" : `${text}\n`;
}

/** The text of one item of a stream in the wanted form, with its last line break. */
export async function formatItem<Item>(command: StreamCommand<Item>, item: Item, format: OutputFormat, style: Style): Promise<string> {
  if (format === "json") return `${JSON.stringify(item)}\n`;
  if (format === "yaml") return `---\n${(await import("yaml")).stringify(item)}`;
  return `${command.human(item, style)}\n`;
}
