import { rm } from "node:fs/promises";
import { join } from "node:path";
import { testDemo } from "./support/demo.ts";

/**
 * Machine, cluster, images and deployment, before the first end-to-end test: by far the longest wait is here and not in a hook
 * of some test. VDI_E2E_SETUP=done says that an earlier run has seen to it, VDI_E2E_SETUP=none that only images are needed.
 */
export async function setup(): Promise<void> {
  if (process.env["VDI_E2E_SETUP"] !== undefined) return;
  // What an earlier run has kept would be taken for this one's.
  await rm(join(import.meta.dirname, "..", "..", "artifacts", "e2e"), { recursive: true, force: true });
  await testDemo();
  // The test files, which run in processes of their own, need not look again.
  process.env["VDI_E2E_SETUP"] = "done";
}
