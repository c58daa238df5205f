import type { ShellOutcome } from "./kubectl.ts";

/**
 * Has the X server of a session repeat no key. On a busy machine the release of a key may come so late after its press that the
 * server takes it for held down, and what was typed has some letters twice. It holds for the session's life: a new connection or
 * another keyboard changes the pace of repeating only.
 */
export async function keepKeysSingle(inSession: (command: string) => Promise<ShellOutcome>): Promise<void> {
  const { code, output } = await inSession("DISPLAY=:0 xset r off");
  if (code !== 0) throw new Error(`the session's keys still repeat: ${output}`);
}
