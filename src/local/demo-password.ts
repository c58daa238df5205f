import path from "node:path";
import { generatePassword } from "../users/password.ts";
import { readTextIfThere, writeFileIfChanged } from "../util/atomic-file.ts";

/** Where the demo users' password is kept, below the deployment directory; only its owner can read it. */
export const demoPasswordFile = "protected/demo-password";

/** The demo users' password as it is kept; undefined: there is none. */
export async function keptDemoPassword(directory: string): Promise<string | undefined> {
  const known = (await readTextIfThere(path.join(directory, demoPasswordFile)))?.trim() ?? "";
  return known === "" ? undefined : known;
}

/** The demo users' password: made once for a deployment directory, never the same on two machines. */
export async function demoPassword(directory: string): Promise<string> {
  const known = await keptDemoPassword(directory);
  if (known !== undefined) return known;
  const password = generatePassword();
  await writeFileIfChanged(path.join(directory, demoPasswordFile), `${password}\n`, 0o600);
  return password;
}
