// `npm run test:repeat -- 10`: the end-to-end level so many times in a row, on one set-up. The first failure ends it, so that
// the next run does not write over what the failed one left in artifacts/.
import { startRun } from "./levels.mjs";

const [count = "10", ...rest] = process.argv.slice(2);
if (!/^[1-9][0-9]{0,2}$/.test(count) || rest.length > 0) {
  process.stderr.write("usage: npm run test:repeat -- [TIMES]   (1 to 999; 10 when not given)\n");
  process.exit(2);
}

/** Gives whether each of `times` runs passed. */
async function repeat(times) {
  const lines = [];
  for (let number = 1; number <= times; number += 1) {
    const at = new Date().toISOString();
    process.stdout.write(`\n=== run ${number} of ${times}\n`);
    const run = startRun();
    await run.endToEnd();
    const { isGreen, line } = run.finish();
    lines.push(`run ${number} of ${times}, ${at}: ${line}${isGreen ? "" : ": FAILED"}`);
    process.stdout.write(`\n${lines.join("\n")}\n`);
    if (!isGreen) return false;
  }
  return true;
}

const preparation = startRun();
if ((await preparation.build()) && (await preparation.setUpEndToEnd())) {
  process.exitCode = (await repeat(Number(count))) ? 0 : 1;
} else {
  preparation.finish();
  process.exitCode = 1;
}
