import type { UsersOnEngine } from "../../../local/users.ts";
import type { Style } from "../../../util/command.ts";
import { ExitCode } from "../../../util/exit-code.ts";
import { choice, object, optional, type Shape, text } from "../../../util/shape.ts";

/** What became of a change of users on the engine. */
export const onEngineField: Shape<UsersOnEngine> = object(
  {
    state: choice(
      ["updated", "unchanged", "absent", "off", "failed", "interrupted"],
      "`absent`: nothing is up; `off`: XPRA_DEMO_USERS is not Y; `failed`: exit code 1; `interrupted`: 130",
    ),
    reason: optional(text("why it failed")),
  },
  "what became of it on the engine",
);

/** One line about the engine. */
export function engineLine({ state, reason }: UsersOnEngine, style: Style): string {
  switch (state) {
    case "updated":
      return "the proxy knows it from the next sign-in on";
    case "unchanged":
      return "the proxy knows it already";
    case "off":
      return style.yellow("XPRA_DEMO_USERS is not Y: the proxy does not use these users");
    case "failed":
      return style.red(`the proxy does not know it: ${reason ?? ""}; 'vdi local up' brings it there`);
    case "interrupted":
      return style.yellow("interrupted: the proxy may not know it yet; 'vdi local up' brings it there");
    default:
      return "'vdi local up' brings it to the proxy";
  }
}

/** The exit code of a command that changed users. */
export function engineExitCode({ state }: UsersOnEngine): ExitCode {
  if (state === "interrupted") return ExitCode.interrupted;
  return state === "failed" ? ExitCode.failed : ExitCode.ok;
}
