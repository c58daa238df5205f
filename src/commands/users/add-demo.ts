import { loadConfig } from "../../config/load-config.ts";
import { demoUsers, isLocked, maxDemoUsers, withUsers } from "../../users/demo-users.ts";
import type { UserEntries } from "../../users/entries.ts";
import { generatePassword, hashPasswords, isPasswordOf, passwordFrom } from "../../users/password.ts";
import { readUsers, writeUsers } from "../../users/user-store.ts";
import type { Command } from "../../util/command.ts";
import { ExitCode } from "../../util/exit-code.ts";
import { clusterOptions, directoryOption, flagOf, namespaceOption, numberOf } from "../../util/options.ts";
import { choice, type DataOf, list, number, object, optional, text } from "../../util/shape.ts";
import { VdiError } from "../../util/vdi-error.ts";
import { bringToCluster, clusterLine, onClusterField } from "./on-cluster.ts";

const shape = object({
  users: list(
    object({
      name: text("name of the user"),
      uid: number("its number"),
      state: choice(["added", "new-password", "kept"], "`kept`: it has the password that it had"),
      password: optional(text("a password that was made just now; it is stored nowhere")),
    }),
    "the demo users",
  ),
  cluster: onClusterField,
});

/** What `vdi users add-demo` did. */
export type UsersAdded = DataOf<typeof shape>;

/** `vdi users add-demo`: users to try the deployment with. */
export const usersAddDemo: Command<UsersAdded> = {
  path: ["users", "add-demo"],
  summary: "add demo users xpra-user01, xpra-user02, ...",
  description:
    "Adds users that the proxies know without a directory service, in protected/users of the deployment directory. Their uids start at 20001. Users that are there keep their passwords, unless --password-stdin or --renew says otherwise. Passwords that are generated are shown once and stored nowhere. Running proxies know the users within seconds.",
  options: [
    { name: "count", type: "number", value: "N", description: "how many there should be", default: 9 },
    { name: "generate", type: "boolean", description: "generate a password for each new user (the default)" },
    { name: "passwordStdin", type: "boolean", description: "read one password for all of them from standard input" },
    { name: "renew", type: "boolean", description: "generate new passwords also for those that are there" },
    directoryOption,
    namespaceOption,
    ...clusterOptions,
  ],
  examples: [
    { line: "vdi users add-demo --generate", does: "nine users, each with a password of its own" },
    { line: "vdi users add-demo --count 3 --password-stdin < password.txt", does: "three users with the same password" },
  ],

  shape,

  async run(ctx, input) {
    const count = numberOf(input, "count") ?? 9;
    const fromStdin = flagOf(input, "passwordStdin");
    checkInput(count, fromStdin, flagOf(input, "generate") || flagOf(input, "renew"));
    const config = loadConfig(ctx, input);
    const given = fromStdin ? passwordFrom(await ctx.readStdin()) : undefined;
    const before = await readUsers(config.directory);
    const wanted = demoUsers(before, count);
    const needy: string[] = [];
    for (const { name } of wanted) if (await needsPassword(before, name, given, flagOf(input, "renew"), ctx.signal)) needy.push(name);
    const passwords = new Map(needy.map((name) => [name, given ?? generatePassword()]));
    const hashes = await hashPasswords([...passwords.values()], ctx.signal);
    const after = withUsers(before, wanted, new Map(needy.map((name, index) => [name, hashes[index] ?? "!"])), ctx.now());
    await writeUsers(config.directory, after);
    const cluster = await bringToCluster(ctx, input, config);
    return {
      users: wanted.map(({ name, uid }) => {
        const isNew = !before.passwd.some((entry) => entry.name === name);
        const password = given === undefined ? passwords.get(name) : undefined;
        const state = isNew ? "added" : passwords.has(name) ? "new-password" : "kept";
        return { name, uid, state, ...(password === undefined ? {} : { password }) };
      }),
      cluster,
    };
  },

  human(data, style) {
    const shown = data.users.filter(({ state }) => state !== "kept");
    const lines = shown.map(({ name, uid, state, password }) => {
      const what = state === "added" ? "added" : "new password";
      return `${name}  uid ${uid}  ${what}${password === undefined ? "" : `  password ${style.bold(password)}`}`;
    });
    const kept = data.users.length - shown.length;
    if (kept > 0)
      lines.push(
        `${kept} ${kept === 1 ? "user was" : "users were"} there already and kept ${kept === 1 ? "its password" : "their passwords"}`,
      );
    if (data.users.some(({ password }) => password !== undefined)) lines.push(style.yellow("the passwords are not shown again"));
    return [...lines, clusterLine(data.cluster, style)].join("\n");
  },

  exitCode: (data) => data.cluster.exitCode,
};

function checkInput(count: number, fromStdin: boolean, generate: boolean): void {
  if (!Number.isInteger(count) || count < 1 || count > maxDemoUsers) {
    throw new VdiError({ what: `--count must be between 1 and ${maxDemoUsers}`, why: `it is ${count}`, exitCode: ExitCode.usage });
  }
  if (fromStdin && generate) {
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
