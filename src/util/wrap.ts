/** Text as lines of at most `width` characters, broken at spaces; a longer word stands alone, line breaks in the text stay. */
export function wrap(text: string, width: number): readonly string[] {
  return text.split("\n").flatMap((line) => {
    const lines: string[] = [];
    for (const word of line.split(/ +/).filter((part) => part !== "")) {
      const last = lines.at(-1);
      if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
      else lines[lines.length - 1] = `${last} ${word}`;
    }
    return lines.length === 0 ? [""] : lines;
  });
}

/** The same as one text, every line of which begins with `indent`; `width` includes it. */
export function wrapped(text: string, indent: string, width = 80): string {
  return wrap(text, width - indent.length)
    .map((line) => `${indent}${line}`.trimEnd())
    .join("\n");
}
