/** An image that a Dockerfile takes from outside of itself, and where it says so. */
export interface ImageUse {
  readonly reference: string;
  /** From 1. */
  readonly line: number;
}

/** A path of the build context that a Dockerfile names, as it is written. */
export interface SourceUse {
  readonly path: string;
  /** From 1. */
  readonly line: number;
}

/** What a builder has to know of a Dockerfile before it builds it. */
export interface DockerfileFacts {
  /** Images of FROM, `COPY --from` and `RUN --mount=from`, without the file's own stages and `scratch`. */
  readonly images: readonly ImageUse[];
  /** Sources of COPY, ADD and bind mounts that come from the context. */
  readonly sources: readonly SourceUse[];
  /** Names of all ARG instructions. */
  readonly args: ReadonlySet<string>;
}

interface Instruction {
  readonly keyword: string;
  readonly words: string;
  readonly line: number;
}

/**
 * Reads from a Dockerfile which images and which files of the context it uses. Variables are replaced by `buildArgs`, else by
 * the defaults of ARG, as the engine does it.
 */
export function readDockerfile(text: string, buildArgs: Readonly<Record<string, string>> = {}): DockerfileFacts {
  const images: ImageUse[] = [];
  const sources: SourceUse[] = [];
  const args = new Set<string>();
  const stages = new Set<string>();
  const globals = new Map<string, string>();
  let inStage = false;
  let stageCount = 0;
  // Inside a stage ENV and ARG both can stand in a path; which of them wins does not matter for finding a source.
  const locals = new Map<string, string>();

  const useImage = (reference: string, line: number): void => {
    if (reference === "" || reference === "scratch" || stages.has(reference.toLowerCase())) return;
    images.push({ reference, line });
  };

  for (const { keyword, words, line } of instructions(text)) {
    if (keyword === "ARG") {
      for (const [name, value] of assignments(words)) {
        args.add(name);
        const known = inStage ? locals : globals;
        const given = buildArgs[name] ?? (value === undefined ? globals.get(name) : substitute(value, inStage ? locals : globals));
        if (given !== undefined) known.set(name, given);
      }
    } else if (keyword === "ENV") {
      for (const [name, value] of assignments(words)) if (value !== undefined) locals.set(name, substitute(value, locals));
    } else if (keyword === "FROM") {
      const { rest } = splitFlags(words);
      const [reference = "", as, name] = rest;
      useImage(substitute(reference, globals), line);
      stages.add(String(stageCount));
      stageCount += 1;
      if (as?.toUpperCase() === "AS" && name !== undefined) stages.add(name.toLowerCase());
      inStage = true;
      locals.clear();
    } else if (keyword === "COPY" || keyword === "ADD") {
      const { flags, rest } = splitFlags(words);
      const from = flags.get("from")?.[0];
      if (from !== undefined) {
        useImage(substitute(from, locals), line);
        continue;
      }
      for (const source of copyPaths(rest).slice(0, -1)) {
        if (/^(https?:|git@|<<)/.test(source)) continue;
        sources.push({ path: contextPath(substitute(source, locals)), line });
      }
    } else if (keyword === "RUN") {
      for (const mount of splitFlags(words).flags.get("mount") ?? []) {
        const settings = new Map(mount.split(",").map((part) => splitOnce(part)));
        if ((settings.get("type") ?? "bind") !== "bind" && !settings.has("from")) continue;
        const from = settings.get("from");
        const source = settings.get("source") ?? settings.get("src");
        if (from !== undefined) useImage(substitute(from, locals), line);
        else if (source !== undefined) sources.push({ path: contextPath(substitute(source, locals)), line });
      }
    }
  }
  return { images, sources, args };
}

/** The instructions with their continuation lines joined, without comments and the bodies of here-documents. */
function instructions(text: string): Instruction[] {
  const lines = text.split(/\r?\n/);
  const found: Instruction[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const first = lines[at] ?? "";
    if (/^\s*(#|$)/.test(first)) continue;
    const line = at + 1;
    let joined = "";
    for (;;) {
      const part = lines[at] ?? "";
      if (!/^\s*#/.test(part)) {
        joined += part.replace(/\\\s*$/, " ");
        if (!/\\\s*$/.test(part) && !(joined.trim() === "" && at + 1 < lines.length)) break;
      }
      if (at + 1 >= lines.length) break;
      at += 1;
    }
    const [, keyword = "", words = ""] = /^\s*(\S+)\s*([\s\S]*)$/.exec(joined) ?? [];
    found.push({ keyword: keyword.toUpperCase(), words: words.trim(), line });
    if (!/^(RUN|COPY|ADD)$/i.test(keyword)) continue;
    // As BuildKit: a word of its own, so neither <<< nor a shift in $((1<<n)).
    for (const [, dash, word] of words.matchAll(/(?<!\S)\d*<<(-?)["']?([^\s<"']+)["']?/g)) {
      while (at + 1 < lines.length) {
        at += 1;
        const body = lines[at] ?? "";
        if ((dash === "-" ? body.replace(/^\t+/, "") : body) === word) break;
      }
    }
  }
  return found;
}

function splitFlags(words: string): { flags: Map<string, string[]>; rest: string[] } {
  const flags = new Map<string, string[]>();
  const parts = words.split(/\s+/).filter((part) => part !== "");
  let at = 0;
  for (; at < parts.length; at += 1) {
    const match = /^--([a-z]+)(?:=(.*))?$/.exec(parts[at] ?? "");
    if (match === null) break;
    const name = match[1] ?? "";
    flags.set(name, [...(flags.get(name) ?? []), match[2] ?? ""]);
  }
  return { flags, rest: parts.slice(at) };
}

function copyPaths(parts: readonly string[]): string[] {
  const joined = parts.join(" ");
  if (!joined.startsWith("[")) return [...parts];
  try {
    const list: unknown = JSON.parse(joined);
    return Array.isArray(list) ? list.map(String) : [...parts];
  } catch {
    return [...parts];
  }
}

function contextPath(source: string): string {
  return source.replace(/^\.?\/+/, "").replace(/^\.$/, "");
}

function splitOnce(part: string): [string, string] {
  const at = part.indexOf("=");
  return at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
}

function assignments(words: string): [string, string | undefined][] {
  const found: [string, string | undefined][] = [];
  for (const [, name = "", , value] of words.matchAll(/([A-Za-z_]\w*)(=((?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])*))?(?:\s+|$)/g)) {
    found.push([
      name,
      value === undefined
        ? undefined
        : value.replace(/^"(.*)"$|^'(.*)'$/s, (_, double?: string, single?: string) => double ?? single ?? ""),
    ]);
  }
  return found;
}

/** `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}`; a variable without a value is empty. */
function substitute(text: string, values: ReadonlyMap<string, string>): string {
  return text
    .replace(/\$(?:\{(\w+)(?:(:[-+])([^}]*))?\}|(\w+))/g, (_, braced?: string, operator?: string, word?: string, bare?: string) => {
      const value = values.get(braced ?? bare ?? "") ?? "";
      if (operator === ":-") return value === "" ? substitute(word ?? "", values) : value;
      if (operator === ":+") return value === "" ? "" : substitute(word ?? "", values);
      return value;
    })
    .replace(/^"(.*)"$/, "$1");
}
