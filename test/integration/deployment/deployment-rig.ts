import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { type RunOptions, type RunResult, runVdi } from "../support/run-vdi.ts";
import { makeDeploymentDirectory } from "./deployment-directory.ts";
import { FakeCluster } from "./fake-cluster.ts";

/** Deployment directories and a cluster, new for each test of the file that calls it. */
export interface DeploymentRig {
  cluster(): FakeCluster;
  /** Makes a deployment directory of this name. */
  makeDirectory(name: string, settings?: Record<string, string>): string;
  /** Runs a command in a directory, against the cluster. */
  vdi(directory: string, argv: readonly string[], options?: RunOptions): Promise<RunResult>;
}

/** Sets up and tears down around each test. */
export function deploymentRig(): DeploymentRig {
  let top = "";
  let cluster: FakeCluster;
  beforeEach(async () => {
    top = mkdtempSync(join(tmpdir(), "vdi-deploy-"));
    cluster = await FakeCluster.start();
  });
  afterEach(async () => {
    await cluster.stop();
    rmSync(top, { recursive: true, force: true });
  });
  return {
    cluster: () => cluster,
    makeDirectory(name, settings = {}) {
      const directory = join(top, name);
      makeDeploymentDirectory(directory, settings);
      return directory;
    },
    vdi: (directory, argv, options = {}) =>
      runVdi(argv, { cwd: directory, ports: { connectKube: async () => cluster.transport }, ...options }),
  };
}

/** All files below a directory: mode and content by path. */
export function filesOf(directory: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    files[file.slice(directory.length)] = `${(statSync(file).mode & 0o777).toString(8)} ${readFileSync(file, "base64")}`;
  }
  return files;
}
