import { defineConfig } from "vitest/config";
import { e2eEngineProject, e2eProject, hookSequence } from "./test/e2e/project.ts";

export default defineConfig({
  test: {
    sequence: hookSequence,
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], environment: "node", testTimeout: 60_000 } },
      { test: { name: "integration", include: ["test/integration/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 60_000 } },
      { test: e2eProject },
      { test: e2eEngineProject },
    ],
  },
});
