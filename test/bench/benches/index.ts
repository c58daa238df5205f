import type { Bench } from "../bench.ts";
import { bench as hookSize } from "./hook-size.ts";
import { bench as version } from "./version.ts";

/** All benches, in the order in which they are run and told. */
export const benches: readonly Bench[] = [version, hookSize];
