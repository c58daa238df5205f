/**
 * Breaks a text at spaces so that no line is longer than `width`, its indentation included; a word that is longer stands alone.
 * Every line begins with `indent`; line breaks in the text stay.
 */
export function wrapped(text: string, indent: string, width = 80): string {
  const room = width - indent.length;
  return text
    .split("\n")
    .flatMap((line) => {
      const lines: string[] = [];
      let current = "";
      for (const word of line.split(/ +/).filter((part) => part !== "")) {
        if (current !== "" && current.length + 1 + word.length > room) {
          lines.push(current);
          current = word;
        } else current = current === "" ? word : `${current} ${word}`;
      }
      return [...lines, current];
    })
    .map((line) => `${indent}${line}`.trimEnd())
    .join("\n");
}
