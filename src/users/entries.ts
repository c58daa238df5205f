import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";

/** A line of passwd(5). */
export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly gecos: string;
  readonly home: string;
  readonly shell: string;
}

/** A line of shadow(5); the fields behind the hash are kept as they are. */
export interface ShadowEntry {
  readonly name: string;
  readonly hash: string;
  /** Day of the last change since 1970, then the other fields. */
  readonly rest: readonly string[];
}

/** A line of group(5). */
export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** The users that the proxies know, as three files that fit together. */
export interface UserEntries {
  readonly passwd: readonly PasswdEntry[];
  readonly shadow: readonly ShadowEntry[];
  readonly group: readonly GroupEntry[];
}

/** The texts of the three files. */
export type UserTexts = Readonly<Record<"passwd" | "shadow" | "group", string>>;

/** Reads the three files. Empty lines and comments are left out; every line that is not right is named, all at once, without its content. */
export function parseUserTexts(texts: UserTexts, place: string): UserEntries {
  const problems: string[] = [];
  const lines = <Entry>(file: keyof UserTexts, fields: number, parse: (parts: readonly string[]) => Entry | undefined): readonly Entry[] =>
    texts[file].split(/\r?\n/).flatMap((line, index) => {
      if (line.trim() === "" || line.startsWith("#")) return [];
      const parts = line.split(":");
      const entry = parts.length === fields && /^[^\s:,]+$/.test(parts[0] ?? "") ? parse(parts) : undefined;
      if (entry !== undefined) return [entry];
      problems.push(`${place}/${file}:${index + 1}: not a line of ${file}(5)`);
      return [];
    });
  const entries = {
    passwd: lines("passwd", 7, ([name = "", , uid, gid, gecos = "", home = "", shell = ""]) =>
      isId(uid) && isId(gid) ? { name, uid: Number(uid), gid: Number(gid), gecos, home, shell } : undefined,
    ),
    shadow: lines("shadow", 9, ([name = "", hash = "", ...rest]) => ({ name, hash, rest })),
    group: lines("group", 4, ([name = "", , gid, members = ""]) =>
      isId(gid) ? { name, gid: Number(gid), members: members.split(",").filter((member) => member !== "") } : undefined,
    ),
  };
  if (problems.length === 0) return entries;
  throw new VdiError({ what: "the users' files are not right", why: problems.join("\n"), exitCode: ExitCode.usage });
}

function isId(text: string | undefined): boolean {
  return text !== undefined && /^[0-9]{1,10}$/.test(text) && Number(text) <= 4_294_967_294;
}

/** The three files as texts. */
export function formatUserTexts(entries: UserEntries): UserTexts {
  const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");
  return {
    passwd: text(
      entries.passwd.map(({ name, uid, gid, gecos, home, shell }) => [name, "x", String(uid), String(gid), gecos, home, shell].join(":")),
    ),
    shadow: text(entries.shadow.map(({ name, hash, rest }) => [name, hash, ...rest].join(":"))),
    group: text(entries.group.map(({ name, gid, members }) => [name, "x", String(gid), members.join(",")].join(":"))),
  };
}
