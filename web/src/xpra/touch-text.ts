/** What has to be typed to make one text of another: first so many characters erased at the end, then the new ones. */
export interface Typed {
  readonly erase: number;
  readonly text: string;
}

/**
 * The keys behind a change that an on-screen keyboard made to a text. It tells of no keys: it replaces the word that is being
 * written, corrects it, or takes a part of it away.
 */
export function typedBetween(before: string, after: string): Typed {
  const old = [...before];
  const now = [...after];
  let same = 0;
  while (same < old.length && same < now.length && old[same] === now[same]) same += 1;
  return { erase: old.length - same, text: now.slice(same).join("") };
}

/** What stands in the text before the user's own: without it an on-screen keyboard has nothing to erase. */
export const filler = " ".repeat(32);
