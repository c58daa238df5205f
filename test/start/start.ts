import { join } from "node:path";
import { prepareDemo } from "./demo.ts";

const started = Date.now();
const say = (text: string): void => {
  const seconds = Math.round((Date.now() - started) / 1000);
  process.stderr.write(`[${String(seconds).padStart(4)} s] ${text}\n`);
};

const interrupt = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => interrupt.abort());

try {
  const demo = await prepareDemo({ root: join(import.meta.dirname, "..", ".."), say, signal: interrupt.signal });
  process.stdout.write(`
  address   ${demo.url}
  user      ${demo.user}
  password  ${demo.password}

  The certificate is the deployment's own: the browser asks once whether to go on.
  Directory ${demo.directory}; kubectl by \`npm run cluster -- kubectl …\`; the cluster away again by \`npm run cluster -- down\`.
`);
} catch (error) {
  if (interrupt.signal.aborted) {
    process.stderr.write("interrupted: npm start -- --kubernetes goes on from here\n");
    process.exitCode = 130;
  } else {
    // The step has printed its own words; this adds which one it was.
    process.stderr.write(
      `error: npm start -- --kubernetes stopped\n  ${error instanceof Error ? ((error as { shortMessage?: string }).shortMessage ?? error.message) : String(error)}\n`,
    );
    process.exitCode = 1;
  }
}
