import { spawn } from "node:child_process";
import { access } from "node:fs/promises";
import { createServer } from "node:net";
import type { Machine } from "../util/ports.ts";
import { ensureEngine } from "./engine-start.ts";
import { certificatesNeed, engineNeed, ensurePackages, opensslNeed, rootfsNeed } from "./packages.ts";
import { pageProblem } from "./page-health.ts";

/** Where an engine that no service manager starts has its log. */
const stateDirectory = "/var/log/vdi";

/** The real machine. */
export function thisMachine(env: Readonly<Record<string, string | undefined>>): Machine {
  return {
    async prepareEngine(job, mayInstall) {
      // One that answers, here or elsewhere, is taken as it is.
      await ensureEngine(stateDirectory, job, {
        install: () => ensurePackages([engineNeed, certificatesNeed], job, mayInstall),
      });
    },
    async prepareProgram(program, job, mayInstall) {
      if (await isOnPath(program, env)) return;
      await ensurePackages([program === "openssl" ? opensslNeed : rootfsNeed], job, mayInstall);
    },
    portProblem,
    pageProblem,
    openBrowser: (url) => openBrowser(url, env),
  };
}

async function isOnPath(program: string, env: Readonly<Record<string, string | undefined>>): Promise<boolean> {
  for (const directory of (env["PATH"] ?? "").split(":")) {
    const found = await access(`${directory}/${program}`).then(
      () => true,
      () => false,
    );
    if (directory !== "" && found) return true;
  }
  return false;
}

/** Tries it, which no list of open ports would tell as surely. */
function portProblem(address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve("another program has it");
      else if (error.code === "EADDRNOTAVAIL") resolve("it is no address of this machine");
      // Only root may have a low port, and the engine is root.
      else resolve(undefined);
    });
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function openBrowser(url: string, env: Readonly<Record<string, string | undefined>>): Promise<boolean> {
  const program = process.platform === "darwin" ? "open" : "xdg-open";
  // Without a screen it would start a browser in the terminal, or none.
  if (process.platform !== "darwin" && !env["DISPLAY"] && !env["WAYLAND_DISPLAY"]) return Promise.resolve(false);
  return new Promise((resolve) => {
    const child = spawn(program, [url], { stdio: "ignore", detached: true });
    child.once("error", () => resolve(false));
    child.once("spawn", () => {
      child.unref();
      resolve(true);
    });
  });
}
