/** A group that a user is in. */
export interface UserGroup {
  readonly name: string;
  readonly gid: number;
}

/** A user as the door knows it after signing in; the same fields as its passwd and group entries. */
export interface SessionUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
  readonly gecos: string;
  readonly groups: readonly UserGroup[];
}

/** What every session needs besides its user: files of root, of nobody, and the group of terminals. */
const systemPasswd = ["root:x:0:0:root:/root:/usr/sbin/nologin", "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin"];
const systemGroups: readonly UserGroup[] = [
  { name: "root", gid: 0 },
  { name: "tty", gid: 5 },
  { name: "nogroup", gid: 65534 },
];

/** Bytes of all lines for groups: they are one variable of a session, and no program starts with one of 128 KiB. */
const longestEntries = 120_000;

/** Directories in which an empty volume would hide what the image or the system has there. */
export const systemTop: ReadonlySet<string> = new Set([
  "",
  "bin",
  "boot",
  "dev",
  "etc",
  "lib",
  "lib32",
  "lib64",
  "libx32",
  "proc",
  "root",
  "run",
  "sbin",
  "sys",
  "tmp",
  "usr",
  "var",
]);

/**
 * Where a user's home is inside a session, and its parent, on which a volume can be mounted.
 * A home in the root directory or among system directories becomes `/home/NAME`.
 */
export function sessionHome(user: SessionUser): { readonly home: string; readonly parent: string } {
  const parts = user.home.split("/").filter((part) => part !== "" && part !== ".");
  const top = parts[0] ?? "";
  const plain = parts.length >= 2 && !parts.includes("..") && user.home.startsWith("/") && !systemTop.has(top);
  const path = plain ? parts : ["home", user.name];
  return { home: `/${path.join("/")}`, parent: `/${path.slice(0, -1).join("/")}` };
}

/** The user's line of /etc/passwd in a session. */
export function passwdEntry(user: SessionUser): string {
  const shell = user.shell === "" ? "/bin/bash" : user.shell;
  return [user.name, "x", user.uid, user.gid, field(user.gecos), sessionHome(user).home, field(shell)].join(":");
}

/** The user's groups, the primary one first, each once, group 0 never. */
export function groupsOf(user: SessionUser): readonly UserGroup[] {
  const primary = user.groups.find(({ gid }) => gid === user.gid) ?? { name: user.name, gid: user.gid };
  const all = [primary, ...user.groups].filter(({ gid }) => gid !== 0);
  return all.filter((group, at) => all.findIndex(({ gid }) => gid === group.gid) === at);
}

/** The lines of /etc/group for the user's groups. Each names only this user, so that a large directory does not overflow what a runtime takes. */
export function groupEntries(user: SessionUser): readonly string[] {
  let left = longestEntries;
  const entries = groupsOf(user).map(({ name, gid }) => `${field(name)}:x:${gid}:${user.name}`);
  // A group without a name is still one that the user is in.
  return entries.filter((entry) => {
    left -= Buffer.byteLength(entry) + 1;
    return left >= 0;
  });
}

/** The whole /etc/passwd of a session. */
export function passwdFile(user: SessionUser): string {
  return `${[...systemPasswd, passwdEntry(user)].join("\n")}\n`;
}

/** The whole /etc/group of a session. */
export function groupFile(user: SessionUser): string {
  const own = groupsOf(user);
  const system = systemGroups.filter(({ gid }) => !own.some((group) => group.gid === gid));
  return `${[...system.map(({ name, gid }) => `${name}:x:${gid}:`), ...groupEntries(user)].join("\n")}\n`;
}

/** Text that cannot end a field or a line of passwd and group. */
function field(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get through
  return text.replace(/[:\u0000-\u001f\u007f]/g, " ");
}
