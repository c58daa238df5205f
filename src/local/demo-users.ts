import { demoUser, demoUsers, withUsers } from "../users/demo-users.ts";
import { hashPasswords, isPasswordOf } from "../users/password.ts";
import { readUsers, writeUsers } from "../users/user-store.ts";
import type { Context } from "../util/context.ts";
import { VdiError } from "../util/vdi-error.ts";
import { demoPassword, keptDemoPassword } from "./demo-password.ts";

const demoCount = 3;

/** What became of the demo users. */
export interface DemoUsers {
  /** True: they were made now. */
  readonly added: boolean;
  /** That of all of them; missing where there were other users already. */
  readonly password?: string;
}

/** Makes demo users where a directory has no users at all, all with the generated password that is kept beside them. */
export async function addLocalDemoUsers(
  ctx: Pick<Context, "now" | "signal">,
  directory: string,
  prepareOpenssl: () => Promise<void>,
): Promise<DemoUsers> {
  const before = await readUsers(directory);
  if (before.passwd.length > 0) {
    const kept = await keptDemoPassword(directory);
    const hash = before.shadow.find(({ name }) => name === demoUser(1).name)?.hash ?? "";
    // It may have been renewed since. Without openssl that is not known, and nothing else needs it here.
    const isTheirs = kept !== undefined && (await isPasswordOf(hash, kept, ctx.signal).catch(unknownWithoutOpenssl));
    return { added: false, ...(isTheirs ? { password: kept } : {}) };
  }
  const wanted = demoUsers(before, demoCount);
  await prepareOpenssl();
  const password = await demoPassword(directory);
  const hashes = await hashPasswords(
    wanted.map(() => password),
    ctx.signal,
  );
  await writeUsers(directory, withUsers(before, wanted, new Map(wanted.map(({ name }, at) => [name, hashes[at] ?? "!"])), ctx.now()));
  return { added: true, password };
}

function unknownWithoutOpenssl(thrown: unknown): boolean {
  if (thrown instanceof VdiError) return false;
  throw thrown;
}
