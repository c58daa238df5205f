/** How the end-to-end tests are run. */
export const e2eProject = {
  name: "e2e",
  include: ["test/e2e/**/*.test.ts"],
  globalSetup: "test/e2e/global-setup.ts",
  setupFiles: ["test/e2e/support/failure-hooks.ts"],
  // In the order of their definition, so that artifacts are kept before a file's own afterEach removes what they show.
  sequence: { hooks: "list" },
  // One machine, one engine, one cluster: the files share them.
  fileParallelism: false,
  testTimeout: 180_000,
  hookTimeout: 600_000,
} as const;
