import type { Diagnostic } from "./diagnostics.ts";
import type { Part } from "./dotenv.ts";

/** A value before its references are replaced. */
export interface RawValue {
  readonly parts: readonly Part[];
  readonly place: { readonly file?: string; readonly line?: number };
}

/** The values with all references replaced, and the references that lead nowhere or in a circle. */
export interface Resolution {
  readonly values: ReadonlyMap<string, string>;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Replaces `${NAME}` by the final value of NAME, through any number of steps. A variable whose references cannot be replaced
 * has no value in the result.
 */
export function resolveReferences(raw: ReadonlyMap<string, RawValue>, builtIn: ReadonlyMap<string, string>): Resolution {
  const values = new Map<string, string>();
  const broken = new Set<string>();
  const diagnostics: Diagnostic[] = [];

  const fail = (name: string, message: string): undefined => {
    broken.add(name);
    diagnostics.push({ severity: "error", code: "reference", name, message, ...raw.get(name)?.place });
    return undefined;
  };

  const resolve = (name: string, path: readonly string[]): string | undefined => {
    const known = values.get(name);
    if (known !== undefined || broken.has(name)) return known;
    const own = raw.get(name);
    if (own === undefined) return undefined;
    let text = "";
    for (const part of own.parts) {
      if (part.kind === "text") {
        text += part.text;
        continue;
      }
      const circle = [...path, name];
      if (circle.includes(part.name)) {
        const loop = [...circle.slice(circle.indexOf(part.name)), part.name];
        for (const member of loop) broken.add(member);
        return fail(name, `${part.name} refers to itself: ${loop.join(" -> ")}`);
      }
      const value = builtIn.get(part.name) ?? resolve(part.name, circle);
      if (value === undefined) {
        // One message is enough where the referred variable has already got its own.
        if (raw.has(part.name)) broken.add(name);
        else fail(name, `${name} refers to ${part.name}, which is not a variable of this configuration`);
        return undefined;
      }
      text += value;
    }
    values.set(name, text);
    return text;
  };

  for (const name of raw.keys()) resolve(name, []);
  return { values, diagnostics };
}
