import { createHash } from "node:crypto";
import { addAbortSignal, type Readable } from "node:stream";
import type Dockerode from "dockerode";
import { ExitCode } from "../util/exit-code.ts";
import { messageOf, VdiError } from "../util/vdi-error.ts";
import { type EngineEvent, engineEvents } from "./engine-stream.ts";
import { parseImageReference } from "./image-reference.ts";

/** The label that carries an image's content key. */
export const contentKeyLabel = "vdi.xpra.org/content-key";

/** An image that the engine has. */
export interface LocalImage {
  readonly id: string;
  readonly bytes: number;
  readonly labels: Readonly<Record<string, string>>;
  /** `registry.example:5000/vdi-base@sha256:…` of each registry that it was pulled from or pushed to. */
  readonly repoDigests: readonly string[];
  /** Equal for images with the same layers and settings, whenever and wherever they were made. */
  readonly identity: string;
}

/** Name and password for a registry, in the engine's own form; empty: none. */
export type RegistryLogin = Readonly<Record<string, string>>;

/** What a build is made from. */
export interface BuildRequest {
  readonly reference: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  /** The context as a tar stream. */
  readonly context: NodeJS.ReadableStream;
}

/** The container engine, as far as images need it. Every failure that the engine reports is thrown. */
export interface ImageEngine {
  /** Undefined when the engine does not have it. */
  inspect(reference: string): Promise<LocalImage | undefined>;
  /** Gives the image's id. */
  build(request: BuildRequest, report: (event: EngineEvent) => void, signal: AbortSignal): Promise<string>;
  pull(reference: string, login: RegistryLogin, report: (event: EngineEvent) => void, signal: AbortSignal): Promise<void>;
  /** Gives the digest that the registry has the image under. */
  push(reference: string, login: RegistryLogin, report: (event: EngineEvent) => void, signal: AbortSignal): Promise<string>;
  /** Makes an image from a tar stream of a root file system. */
  importRootfs(reference: string, archive: NodeJS.ReadableStream, changes: readonly string[], signal: AbortSignal): Promise<void>;
  /** The digest that a registry has for a reference, asked for by the engine; throws when it cannot be told. */
  registryDigest(reference: string, login: RegistryLogin, signal: AbortSignal): Promise<string>;
  /** Where the engine keeps its data; undefined when that is on another machine. */
  dataDirectory(): Promise<string | undefined>;
}

interface DialOptions {
  readonly path: string;
  readonly method: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly file?: NodeJS.ReadableStream;
  readonly authconfig?: RegistryLogin;
  readonly isStream: boolean;
  readonly abortSignal: AbortSignal;
  readonly statusCodes: Readonly<Record<number, true | string>>;
}

/** The part of dockerode's transport that is used here: its own calls for builds open a second connection, and read errors as successes. */
interface Modem {
  /** Only where DOCKER_HOST is no socket. */
  readonly host?: string;
  dial(options: DialOptions, callback: (error: Error | null, answer: unknown) => void): void;
}

/** The image engine over a connection of dockerode. */
export function dockerImageEngine(docker: Dockerode): ImageEngine {
  const modem = docker.modem as Modem;
  const dial = (options: DialOptions): Promise<unknown> =>
    new Promise((resolve, reject) =>
      modem.dial(options, (error, answer) =>
        error === null ? resolve(answer) : reject(options.abortSignal.aborted ? abortOf(options.abortSignal) : error),
      ),
    );
  const follow = async (options: Omit<DialOptions, "isStream" | "statusCodes">, report: (event: EngineEvent) => void): Promise<void> => {
    const answer = (await dial({ ...options, isStream: true, statusCodes: { 200: true } })) as Readable;
    addAbortSignal(options.abortSignal, answer);
    let failure: string | undefined;
    try {
      for await (const event of engineEvents(answer)) {
        if (event.kind === "error") failure ??= event.message;
        report(event);
      }
    } catch (thrown) {
      throw options.abortSignal.aborted ? abortOf(options.abortSignal) : thrown;
    }
    if (failure !== undefined) throw new EngineFailure(failure);
  };

  return {
    async inspect(reference) {
      try {
        return localImage(await docker.getImage(reference).inspect());
      } catch (thrown) {
        const status = statusOf(thrown);
        if (status === 404) return undefined;
        if (status === undefined && typeof (thrown as { code?: unknown }).code !== "string") throw thrown;
        throw new VdiError({
          what: `the engine could not say whether it has the image ${reference}`,
          why: engineWords(thrown),
          try: "docker info",
          exitCode: status === undefined ? ExitCode.unreachable : ExitCode.failed,
          cause: thrown,
        });
      }
    },

    async build(request, report, signal) {
      let id: string | undefined;
      await follow(
        {
          path: "/build?",
          method: "POST",
          file: request.context,
          abortSignal: signal,
          options: {
            t: request.reference,
            // BuildKit: mounts that leave nothing behind, and parts of one file in parallel.
            version: "2",
            networkmode: "host",
            labels: request.labels,
            buildargs: request.buildArgs,
            ...(request.noCache ? { nocache: true } : {}),
          },
        },
        (event) => {
          if (event.kind === "image") id = event.id;
          report(event);
        },
      );
      if (id === undefined) throw new EngineFailure("the engine's answer ended without an image");
      return id;
    },

    async pull(reference, login, report, signal) {
      const { tag, digest } = parseImageReference(reference);
      const options = { fromImage: reference, ...(tag === undefined && digest === undefined ? { tag: "latest" } : {}) };
      await follow({ path: "/images/create?", method: "POST", options, authconfig: login, abortSignal: signal }, report);
    },

    async push(reference, login, report, signal) {
      const { tag } = parseImageReference(reference);
      const name = tag === undefined ? reference : reference.slice(0, -tag.length - 1);
      let digest: string | undefined;
      await follow(
        { path: `/images/${name}/push?`, method: "POST", options: { tag: tag ?? "latest" }, authconfig: login, abortSignal: signal },
        (event) => {
          if (event.kind === "digest") digest = event.digest;
          report(event);
        },
      );
      if (digest === undefined) throw new EngineFailure("the engine's answer ended without a digest");
      return digest;
    },

    async importRootfs(reference, archive, changes, signal) {
      const { tag } = parseImageReference(reference);
      const repo = tag === undefined ? reference : reference.slice(0, -tag.length - 1);
      const options = { fromSrc: "-", repo, tag: tag ?? "latest", changes };
      await follow({ path: "/images/create?", method: "POST", file: archive, options, abortSignal: signal }, () => undefined);
    },

    async registryDigest(reference, login, signal) {
      const answer = (await dial({
        path: `/distribution/${reference}/json`,
        method: "GET",
        options: {},
        authconfig: login,
        isStream: false,
        abortSignal: signal,
        statusCodes: { 200: true },
      })) as { readonly Descriptor?: { readonly digest?: string } };
      const digest = answer.Descriptor?.digest;
      if (digest === undefined) throw new EngineFailure("the engine's answer has no digest");
      return digest;
    },

    async dataDirectory() {
      if (modem.host !== undefined && !/^(localhost|127\.[\d.]+|\[?::1\]?)$/.test(modem.host)) return undefined;
      const info = (await docker.info()) as { readonly DockerRootDir?: string };
      return info.DockerRootDir ?? "/var/lib/docker";
    },
  };
}

/** A failure in the engine's own words. */
export class EngineFailure extends Error {
  override readonly name = "EngineFailure";
}

/** The engine's words for anything that was thrown by a call. */
export function engineWords(thrown: unknown): string {
  if (thrown instanceof VdiError) return thrown.why ?? thrown.what;
  return messageOf(thrown)
    .replace(/^\(HTTP code \d+\) [\w ]*- /, "")
    .trim();
}

function localImage(info: Dockerode.ImageInspectInfo): LocalImage {
  const config = (info.Config ?? {}) as unknown as Readonly<Record<string, unknown>>;
  const labels = info.Config?.Labels ?? {};
  const inherited = Object.entries(labels).filter(([name]) => name !== contentKeyLabel);
  // What an image hands on to those that are made from it; its name and its times are not among it.
  const settings = [...inheritedSettings.map((name) => config[name] ?? null), inherited.sort()];
  const identity = createHash("sha256")
    .update(JSON.stringify([info.RootFS?.Layers ?? [], settings]))
    .digest("hex");
  return { id: info.Id, bytes: info.Size, labels, repoDigests: info.RepoDigests ?? [], identity };
}

const inheritedSettings = [
  "Env",
  "Cmd",
  "Entrypoint",
  "User",
  "WorkingDir",
  "Volumes",
  "ExposedPorts",
  "OnBuild",
  "StopSignal",
  "Healthcheck",
  "Shell",
];

function statusOf(thrown: unknown): number | undefined {
  const status = thrown instanceof Error ? (thrown as { statusCode?: unknown }).statusCode : undefined;
  return typeof status === "number" ? status : undefined;
}

function abortOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new DOMException("stopped", "AbortError");
}
