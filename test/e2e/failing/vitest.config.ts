import { defineConfig } from "vitest/config";
import { e2eProject, hookSequence } from "../project.ts";

// Tests that fail on purpose, run as the others are: ../artifacts.test.ts looks at what that leaves behind.
export default defineConfig({
  test: {
    ...e2eProject,
    sequence: hookSequence,
    globalSetup: [],
    include: ["test/e2e/failing/*.failing.ts"],
    setupFiles: [...e2eProject.setupFiles],
  },
});
