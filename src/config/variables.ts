import { secretWords } from "../util/secret-words.ts";
import { localVariables } from "./table-local.ts";
import { sessionVariables } from "./table-sessions.ts";
import { siteVariables } from "./table-site.ts";
import { userVariables } from "./table-users.ts";
import type { Variable } from "./variable.ts";

/** Every variable that `vdi` knows, in the order of the documentation. */
export const variables: readonly Variable[] = [...siteVariables, ...sessionVariables, ...localVariables, ...userVariables];

/** The variables by name. */
export const variableByName: ReadonlyMap<string, Variable> = new Map(variables.map((variable) => [variable.name, variable]));

/** True for `IMAGE_<SESSION>`, the variable of one session type's image. */
export function isImageName(name: string): boolean {
  return /^IMAGE_[A-Z0-9_]+$/.test(name) && !variableByName.has(name);
}

/** True for an admin's own variable. */
export function isOwnName(name: string): boolean {
  return /^XPRA_[A-Za-z0-9_]+$/.test(name) && !variableByName.has(name);
}

const secretName = new RegExp(`${secretWords}|credential|key`, "i");

/**
 * True for a variable whose value no file, no session and no screen may show. The rule for names is deliberately blunt:
 * a keyboard layout that is kept secret does less harm than a key that is not.
 */
export function isSecretName(name: string): boolean {
  return secretName.test(name) || name.startsWith("IDM_ADMIN_") || variableByName.get(name)?.secret === true;
}
