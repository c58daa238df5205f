import path from "node:path";
import { ShellName } from "../templates/escape.ts";
import { renderShell } from "../templates/render.ts";
import type { Config } from "./config.ts";
import { isSecretName } from "./variables.ts";

/** The file below `to_container` that scripts of the pods source. */
export const xpraVarsFile = "etc/xpra-vars.sh";

/** What a session has decided by what is there: a script that sources the file keeps it. */
const ofTheSession = new Set(["XPRA_SOCKET_DIR", "XPRA_STATUS_DIR", "XPRA_SCREEN"]);

/** The variables that anybody may see, in the order of the documentation, own ones behind. */
export function publicVariables(config: Pick<Config, "values">): ReadonlyMap<string, string> {
  return new Map([...config.values].filter(([name]) => !isSecretName(name)));
}

/**
 * The text of `etc/xpra-vars.sh`: a POSIX shell file that exports every variable that is not a secret, exact for any value.
 * `templates` is the directory of the distribution's templates.
 */
export function renderXpraVars(config: Pick<Config, "namespace" | "values">, templates: string): string {
  return renderShell({
    file: path.join(templates, "xpra-vars.sh.ejs"),
    data: {
      NAMESPACE: config.namespace,
      variables: [...publicVariables(config)].map(([name, value]) => ({
        name: new ShellName(name),
        value,
        ofTheSession: ofTheSession.has(name),
      })),
    },
  });
}
