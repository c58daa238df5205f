import { loadConfig } from "../../config/load-config.ts";
import { demoUsers, isDemoName, isLocked, maxDemoUsers, withUsers } from "../../users/demo-users.ts";
import type { PasswdEntry, UserEntries } from "../../users/entries.ts";
import { generatePassword, hashPasswords, isPasswordOf, passwordFrom } from "../../users/password.ts";
import { readUsers, writeUsers } from "../../users/user-store.ts";
import type { ArgumentSpec, Command, Input, OptionSpec, Style } from "../../util/command.ts";
import type { Context } from "../../util/context.ts";
import { ExitCode } from "../../util/exit-code.ts";
import { clusterOptions, directoryOption, flagOf, listOf, namespaceOption, numberOf } from "../../util/options.ts";
import { choice, type DataOf, list, number, object, optional, text } from "../../util/shape.ts";
import { VdiError } from "../../util/vdi-error.ts";
import { bringToCluster, checkUsersKept, clusterLine, onClusterField } from "./on-cluster.ts";

/** The demo users, and what became of them. */
export const addedUsersField = list(
  object({
    name: text("name of the user"),
    uid: number("its number"),
    state: choice(["added", "new-password", "kept"], "`kept`: it has the password that it had"),
    password: optional(text("a password that was made just now; it is stored nowhere")),
  }),
  "the demo users",
);

/** The demo users, and what became of them. */
export type AddedUsers = DataOf<typeof addedUsersField>;

const shape = object({ users: addedUsersField, cluster: onClusterField });

const defaultCount = 9;

/** Some of the demo users that are there. */
export const demoUserNames: ArgumentSpec = {
  name: "names",
  description: "with --renew: these users only, which are there",
  variadic: true,
};

/** Which demo users, and with which passwords. */
export const demoUserOptions: readonly OptionSpec[] = [
  { name: "count", type: "number", value: "N", description: "how many there should be", default: defaultCount },
  { name: "generate", type: "boolean", description: "generate a password for each new user (the default)" },
  { name: "passwordStdin", type: "boolean", description: "read one password for all of them from standard input (8 characters at least)" },
  { name: "renew", type: "boolean", description: "generate new passwords also for those that are there, or for the named ones only" },
];

/** What `vdi users add-demo` did. */
export type UsersAdded = DataOf<typeof shape>;

/** `vdi users add-demo`: users to try the deployment with. */
export const usersAddDemo: Command<UsersAdded> = {
  path: ["users", "add-demo"],
  summary: "add demo users xpra-user01, xpra-user02, ...",
  description:
    "Adds users that the proxies know without a directory service, in protected/users of the deployment directory. Their uids start at 20001. Users that are there keep their passwords, unless --password-stdin or --renew says otherwise. Passwords that are generated are shown once and stored nowhere. Running proxies know the users within seconds.",
  args: [{ ...demoUserNames, completes: "users" }],
  options: [...demoUserOptions, directoryOption, namespaceOption, ...clusterOptions],
  examples: [
    { line: "vdi users add-demo --generate", does: "nine users, each with a password of its own" },
    { line: "vdi users add-demo --count 3 --password-stdin < password.txt", does: "three users with the same password" },
    { line: "vdi users add-demo --renew xpra-user02", does: "a new password for this user only" },
  ],

  shape,

  async run(ctx, input) {
    checkDemoInput(input);
    const config = loadConfig(ctx, input);
    const wanted = demoUsers(await readUsers(config.directory), numberOf(input, "count") ?? defaultCount);
    const names = wanted.map(({ name }) => name);
    await checkUsersKept(ctx, input, config, names);
    const users = await addDemoUsers(ctx, input, config.directory);
    return { users, cluster: await bringToCluster(ctx, input, config) };
  },

  human: (data, style) => [...addedUserLines(data.users, style), clusterLine(data.cluster, style)].join("\n"),

  exitCode: (data) => data.cluster.exitCode,
};

/** Adds the demo users that a command line means to a deployment directory. */
export async function addDemoUsers(ctx: Context, input: Input, directory: string): Promise<AddedUsers> {
  const names = listOf(input, "names");
  const wantedOf = (before: UserEntries): readonly PasswdEntry[] =>
    names.length > 0 ? namedDemoUsers(before, names) : demoUsers(before, numberOf(input, "count") ?? defaultCount);
  const given = flagOf(input, "passwordStdin") ? passwordFrom(await ctx.readStdin()) : undefined;
  const { before, wanted, passwords, hashes } = await withPasswords(ctx, directory, wantedOf, given, flagOf(input, "renew"));
  await writeUsers(directory, withUsers(before, wanted, hashes, ctx.now()));
  return wanted.map(({ name, uid }) => {
    const isNew = !before.passwd.some((entry) => entry.name === name);
    const password = given === undefined ? passwords.get(name) : undefined;
    const state = isNew ? "added" : passwords.has(name) ? "new-password" : "kept";
    return { name, uid, state, ...(password === undefined ? {} : { password }) };
  });
}

/** The users as they are now, those that are wanted, and a password with its hash for each that needs one. */
interface DemoUserPlan {
  readonly before: UserEntries;
  readonly wanted: readonly PasswdEntry[];
  readonly passwords: ReadonlyMap<string, string>;
  readonly hashes: ReadonlyMap<string, string>;
}

/** Passwords take seconds, in which another admin may change the users: they are read again until nothing is left to be made. */
async function withPasswords(
  ctx: Context,
  directory: string,
  wantedOf: (before: UserEntries) => readonly PasswdEntry[],
  given: string | undefined,
  renew: boolean,
): Promise<DemoUserPlan> {
  const passwords = new Map<string, string>();
  const hashes = new Map<string, string>();
  for (;;) {
    const before = await readUsers(directory);
    const wanted = wantedOf(before);
    const needy: string[] = [];
    for (const { name } of wanted) {
      if (!hashes.has(name) && (await needsPassword(before, name, given, renew, ctx.signal))) needy.push(name);
    }
    if (needy.length === 0) return { before, wanted, passwords, hashes };
    const fresh = needy.map(() => given ?? generatePassword());
    const hashed = await hashPasswords(fresh, ctx.signal);
    needy.forEach((name, at) => {
      passwords.set(name, fresh[at] ?? "");
      hashes.set(name, hashed[at] ?? "!");
    });
  }
}

/** The demo users of these names; throws when one of them is not there, or is none. */
function namedDemoUsers(before: UserEntries, names: readonly string[]): readonly PasswdEntry[] {
  const unknown = names.filter((name) => !isDemoName(name) || !before.passwd.some((entry) => entry.name === name));
  if (unknown.length > 0) {
    throw new VdiError({
      what: `${unknown.length === 1 ? "there is no demo user" : "there are no demo users"} ${unknown.join(", ")}`,
      why: "no password was changed",
      try: "vdi users list",
    });
  }
  return before.passwd.filter(({ name }) => names.includes(name));
}

/** A line for each user who is new or has a new password, and one for the others. */
export function addedUserLines(users: AddedUsers, style: Style): readonly string[] {
  const shown = users.filter(({ state }) => state !== "kept");
  const lines = shown.map(({ name, uid, state, password }) => {
    const what = state === "added" ? "added" : "new password";
    return `${name}  uid ${uid}  ${what}${password === undefined ? "" : `  password ${style.bold(password)}`}`;
  });
  const kept = users.length - shown.length;
  if (kept > 0)
    lines.push(
      `${kept} ${kept === 1 ? "user was" : "users were"} there already and kept ${kept === 1 ? "its password" : "their passwords"}`,
    );
  if (users.some(({ password }) => password !== undefined)) lines.push(style.yellow("the passwords are not shown again"));
  return lines;
}

/** Throws a usage error for options that do not go together, before anything is read. */
export function checkDemoInput(input: Input): void {
  const count = numberOf(input, "count") ?? defaultCount;
  if (!Number.isInteger(count) || count < 1 || count > maxDemoUsers) {
    throw new VdiError({ what: `--count must be between 1 and ${maxDemoUsers}`, why: `it is ${count}`, exitCode: ExitCode.usage });
  }
  if (listOf(input, "names").length > 0 && !flagOf(input, "renew")) {
    throw new VdiError({ what: "names are for --renew only", try: ["--renew", "--count N adds users"], exitCode: ExitCode.usage });
  }
  if (flagOf(input, "passwordStdin") && (flagOf(input, "generate") || flagOf(input, "renew"))) {
    throw new VdiError({
      what: "--password-stdin gives the password, so none can be generated",
      try: "leave out one of the options",
      exitCode: ExitCode.usage,
    });
  }
}

async function needsPassword(
  before: UserEntries,
  name: string,
  given: string | undefined,
  renew: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const hash = before.shadow.find((entry) => entry.name === name)?.hash;
  // A user whose line in passwd is missing was being added when a run was interrupted: nobody has seen its password.
  if (renew || hash === undefined || isLocked(hash) || !before.passwd.some((entry) => entry.name === name)) return true;
  return given !== undefined && !(await isPasswordOf(hash, given, signal));
}
