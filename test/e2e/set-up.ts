// What both rows of end-to-end tests need, once: the step of `npm test` and `npm run test:repeat` before them.
import { messageOf } from "../../src/util/vdi-error.ts";
import { setup } from "./global-setup.ts";

try {
  await setup();
} catch (error) {
  // The step itself has printed why.
  process.stderr.write(`error: ${(error as { shortMessage?: string }).shortMessage ?? messageOf(error)}\n`);
  process.exitCode = 1;
}
