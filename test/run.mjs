// `npm test`: all levels with their own set-up, from a clean checkout on.
import { startRun } from "./levels.mjs";

const run = startRun();
if (await run.build()) {
  await run.step("check", "npm", ["run", "check"]);
  await run.vitest("unit");
  await run.vitest("integration");
  if (await run.setUpEndToEnd()) await run.endToEnd();
}
process.exitCode = run.finish().isGreen ? 0 : 1;
