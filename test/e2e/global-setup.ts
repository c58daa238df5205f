import { rm } from "node:fs/promises";
import { join } from "node:path";
import { testDemo } from "./support/demo.ts";

/**
 * Machine, cluster, images and deployment, before the first end-to-end test: by far the longest wait is here and not in a hook
 * of some test. VDI_E2E_SETUP=none leaves it out, for work on a test that needs only an image which is there.
 */
export async function setup(): Promise<void> {
  // What an earlier run has kept would be taken for this one's.
  await rm(join(import.meta.dirname, "..", "..", "artifacts", "e2e"), { recursive: true, force: true });
  if (process.env["VDI_E2E_SETUP"] !== "none") await testDemo();
}
