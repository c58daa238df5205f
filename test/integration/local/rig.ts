import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type Dockerode from "dockerode";
import { afterEach, beforeEach, expect } from "vitest";
import type { Machine } from "../../../src/util/ports.ts";
import { FakeEngine, hash } from "../images/fake-engine.ts";
import { type RunOptions, type RunResult, runVdi } from "../support/run-vdi.ts";
import { FakeContainers } from "./fake-containers.ts";

/** An engine and a home directory, new for each test of a file that imports this. */
export let engine: FakeEngine;
export let on: FakeContainers;
export let docker: Dockerode;
export let home = "";
let machine: Machine;

beforeEach(async () => {
  engine = new FakeEngine();
  engine.elsewhere.set("debian:trixie-slim", hash("debian"));
  on = new FakeContainers(engine);
  docker = await engine.listen();
  home = mkdtempSync(path.join(tmpdir(), "vdi-local-"));
  machine = {
    prepareEngine: async () => undefined,
    prepareProgram: async () => undefined,
    portProblem: async () => undefined,
    pageProblem: async () => undefined,
    openBrowser: async () => false,
  };
});
afterEach(async () => {
  await engine.close();
  rmSync(home, { recursive: true, force: true });
});

/** Runs `vdi local …argv` at home. */
export const local = (argv: readonly string[], options: RunOptions = {}): Promise<RunResult> =>
  runVdi(["local", ...argv], {
    cwd: home,
    env: { HOME: home, PATH: process.env["PATH"] ?? "" },
    ports: { connectEngine: async () => docker, machine: async () => machine },
    ...options,
  });
export const directory = (): string => path.join(home, "vdi-local");
/** A file of the deployment directory. */
export const kept = (name: string): string => readFileSync(path.join(directory(), name), "utf8");

/** What `vdi local up` gives. */
export interface Up {
  readonly address: string;
  readonly password?: string;
  readonly users: readonly string[];
  readonly built: readonly string[];
  readonly changes: readonly { readonly name: string; readonly outcome: string }[];
}

export async function up(...argv: readonly string[]): Promise<Up> {
  const { exitCode, stdout, stderr } = await local(["up", ...argv, "-o", "json"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return JSON.parse(stdout) as Up;
}

/** Has something of the machine be another way until the end of the test. */
export function changeMachine(over: Partial<Machine>): void {
  machine = { ...machine, ...over };
}

/** A home that the broker has made. */
export function addHome(): void {
  const labels = { "vdi.xpra.org/deployment": "vdi-local", "vdi.xpra.org/component": "home" };
  on.volumes.set("vdi-vdi-local-home-xpra-user01", { labels, files: new Map() });
}
