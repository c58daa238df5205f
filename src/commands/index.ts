import type { Command, CommandEntry } from "../util/command.ts";

function entry(path: string, summary: string, load: () => Promise<Command<never>>): CommandEntry {
  return { path: path.split(" "), summary, load };
}

/** All commands of `vdi`, in the order of the help. Each is loaded only when it is run or its own help is asked for. */
export const commands: readonly CommandEntry[] = [
];
void entry;
