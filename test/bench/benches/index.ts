import type { Bench } from "../bench.ts";
import { bench as capacity } from "./capacity.ts";
import { bench as hookSize } from "./hook-size.ts";
import { bench as sessionSize } from "./session-size.ts";
import { bench as version } from "./version.ts";
import { bench as wrongPasswords } from "./wrong-passwords.ts";

/** All benches, in the order in which they are run and told. */
export const benches: readonly Bench[] = [version, hookSize, wrongPasswords, capacity, sessionSize];
