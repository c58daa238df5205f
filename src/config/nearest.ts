import { variables } from "./variables.ts";

/** The known name that somebody may have meant, at most two letters away. */
export function nearestName(name: string): string | undefined {
  return byDistance(name).find(({ distance }) => distance <= Math.min(2, name.length / 4))?.name;
}

/** Known names that look or sound like a name, the likeliest first; at most five. */
export function similarNames(name: string): readonly string[] {
  const wanted = name.toUpperCase().replace(/^XPRA_/, "");
  const close = byDistance(name.toUpperCase()).filter(({ distance }) => distance <= Math.max(2, name.length / 4));
  const containing = variables.filter((variable) => wanted.length > 2 && variable.name.includes(wanted));
  return [...new Set([...close, ...containing].map((found) => found.name))].slice(0, 5);
}

function byDistance(name: string): readonly { readonly name: string; readonly distance: number }[] {
  return variables
    .map((variable) => ({ name: variable.name, distance: editDistance(name, variable.name) }))
    .sort((one, other) => one.distance - other.distance);
}

function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [at, letter] of [...one].entries()) {
    const next = [at + 1];
    for (const [column, otherLetter] of [...other].entries()) {
      next.push(Math.min((next[column] ?? 0) + 1, (row[column + 1] ?? 0) + 1, (row[column] ?? 0) + (letter === otherLetter ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
