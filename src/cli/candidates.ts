import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { findDeploymentDirectory } from "../config/directory.ts";
import { loadConfig, readingOf } from "../config/load-config.ts";
import { configFile } from "../config/read-config.ts";
import { variables } from "../config/variables.ts";
import type { SessionRow } from "../deployment/session-list.ts";
import type { Completes, Input } from "../util/command.ts";
import type { Context } from "../util/context.ts";
import { textOf } from "../util/options.ts";
import { pause } from "../util/pause.ts";

/** One word that a shell can offer. */
export interface Candidate {
  readonly word: string;
  /** A few words about it; may be empty. */
  readonly does: string;
}

/** A shell that waits is worse than one that knows nothing. */
const clusterDeadlineMs = 1_500;

/** The names of a kind. Whatever cannot be read, or takes too long, gives none. */
export async function candidatesOf(kind: Completes, ctx: Context, input: Input): Promise<readonly Candidate[]> {
  try {
    return await find(kind, ctx, input);
  } catch {
    return [];
  }
}

async function find(kind: Completes, ctx: Context, input: Input): Promise<readonly Candidate[]> {
  switch (kind) {
    case "variables": {
      const known = variables
        .filter(({ dropped }) => dropped === undefined)
        .map(({ name, meaning }) => ({ word: name, does: meaning.split(/[.;:] /)[0] ?? "" }));
      return [...known, ...ownVariables(ctx, input)];
    }
    case "users":
      return users(ctx, input);
    case "sessions":
      return (await sessions(ctx, input)).map(({ name, state }) => ({ word: name, does: state }));
    case "images":
      return directoriesIn(path.join(directoryOf(ctx, input), "images")).map((word) => ({ word, does: "" }));
    case "namespaces":
      return [ctx.cwd, path.dirname(ctx.cwd)]
        .flatMap((top) => directoriesIn(top).filter((name) => isDeployment(path.join(top, name))))
        .map((word) => ({ word, does: "" }));
    case "contexts":
      return contexts(ctx, input);
    default:
      return [];
  }
}

function directoryOf(ctx: Context, input: Input): string {
  return findDeploymentDirectory({ cwd: ctx.cwd, dir: textOf(input, "dir"), namespace: textOf(input, "namespace") });
}

function ownVariables(ctx: Context, input: Input): readonly Candidate[] {
  try {
    const known = new Set(variables.map(({ name }) => name));
    return [...readingOf(ctx, input).origins.keys()].filter((name) => !known.has(name)).map((word) => ({ word, does: "your own" }));
  } catch {
    return [];
  }
}

/** The users of the directory, and those who have sessions. */
async function users(ctx: Context, input: Input): Promise<readonly Candidate[]> {
  const { readUsers } = await import("../users/user-store.ts");
  const [local, running] = await Promise.all([
    readUsers(directoryOf(ctx, input)).then(
      ({ passwd }) => passwd.map(({ name, gecos }) => ({ word: name, does: gecos })),
      () => [],
    ),
    sessions(ctx, input).catch(() => []),
  ]);
  return [...local, ...running.map(({ user }) => ({ word: user, does: "has a session" }))];
}

async function sessions(ctx: Context, input: Input): Promise<readonly SessionRow[]> {
  const { listSessions } = await import("../deployment/session-list.ts");
  const { namespace } = loadConfig(ctx, input);
  const end = new AbortController();
  const signal = AbortSignal.any([ctx.signal, end.signal]);
  const asked = async (): Promise<readonly SessionRow[]> => {
    const transport = await ctx.ports.connectKube({ kubeconfig: textOf(input, "kubeconfig"), context: textOf(input, "context") });
    try {
      return await listSessions(transport, namespace, signal);
    } finally {
      transport.close();
    }
  };
  try {
    // A credentials program of the kubeconfig, which is part of connecting, knows no signal but an interrupt.
    return await Promise.race([asked(), pause(clusterDeadlineMs, signal).then(() => [])]);
  } finally {
    end.abort();
  }
}

async function contexts(ctx: Context, input: Input): Promise<readonly Candidate[]> {
  const { parse } = await import("yaml");
  const home = path.join(ctx.env["HOME"] ?? "", ".kube", "config");
  const chosen = textOf(input, "kubeconfig");
  const named = chosen === undefined ? (ctx.env["KUBECONFIG"] ?? "").split(path.delimiter).filter((file) => file !== "") : [chosen];
  const files = (named.length > 0 ? named : [home]).map((file) => path.resolve(ctx.cwd, file));
  return files.filter(existsSync).flatMap((file) => {
    const parsed = parse(readFileSync(file, "utf8")) as { contexts?: { name?: string }[] } | null;
    return (parsed?.contexts ?? []).flatMap(({ name }) => (name === undefined ? [] : [{ word: name, does: "" }]));
  });
}

function directoriesIn(top: string): readonly string[] {
  return readdirSync(top, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

function isDeployment(directory: string): boolean {
  try {
    return readFileSync(path.join(directory, configFile)).length >= 0;
  } catch {
    return false;
  }
}
