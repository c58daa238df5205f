/** Files that need the container engine and the images, and no deployment on the cluster. */
const withoutCluster = [
  "test/e2e/build-images.test.ts",
  // A cluster of its own.
  "test/e2e/cluster-down.test.ts",
  "test/e2e/completion.test.ts",
  "test/e2e/local.test.ts",
  "test/e2e/page/*.test.ts",
  "test/e2e/proxy-image*.test.ts",
  "test/e2e/runtime-contract/broker-container.test.ts",
  "test/e2e/runtime-contract/docker*.test.ts",
  "test/e2e/runtime-contract/engine-*.test.ts",
  "test/e2e/session-image.test.ts",
];

/**
 * Hooks run in the order of their definition, so that artifacts are kept before a file's own afterEach removes what they show.
 * Vitest reads this from the top of a configuration only: for a project it has no effect.
 */
export const hookSequence = { hooks: "list" as const };

const common = {
  globalSetup: ["test/e2e/global-setup.ts"],
  setupFiles: ["test/e2e/support/failure-hooks.ts"],
  // One machine, one engine, one cluster: the files share them.
  fileParallelism: false,
  testTimeout: 180_000,
  hookTimeout: 600_000,
} satisfies object;

/** How the end-to-end tests on the cluster are run. */
export const e2eProject = { ...common, name: "e2e", include: ["test/e2e/**/*.test.ts"], exclude: withoutCluster };

/** How those that need no cluster are run: `npm test` runs them beside the others, which mostly wait. */
export const e2eEngineProject = { ...common, name: "e2e-engine", include: withoutCluster };
