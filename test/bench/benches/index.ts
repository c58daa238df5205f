import type { Bench } from "../bench.ts";
import { bench as browser } from "./browser.ts";
import { bench as capacity } from "./capacity.ts";
import { bench as containerStart } from "./container-start.ts";
import { bench as deploy } from "./deploy.ts";
import { bench as existingSession } from "./existing-session.ts";
import { bench as firstStart } from "./first-start.ts";
import { bench as hookSize } from "./hook-size.ts";
import { bench as hundredLogins } from "./hundred-logins.ts";
import { bench as newSession } from "./new-session.ts";
import { bench as oneMachine } from "./one-machine.ts";
import { bench as sessionSize } from "./session-size.ts";
import { bench as version } from "./version.ts";
import { bench as wrongPasswords } from "./wrong-passwords.ts";

/** All benches, in the order in which they are run and told. */
export const benches: readonly Bench[] = [
  existingSession,
  containerStart,
  newSession,
  browser,
  hundredLogins,
  wrongPasswords,
  capacity,
  oneMachine,
  firstStart,
  sessionSize,
  hookSize,
  version,
  deploy,
];
