import { spawn } from "node:child_process";
import { rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import type { ProgressSink } from "../util/context.ts";
import { ExitCode } from "../util/exit-code.ts";
import { giveToOwnerOfDirectory, makeOwnedDirectories } from "../util/owner.ts";
import { removeLeftUnfinished, unfinishedFile } from "../util/unfinished.ts";
import { VdiError } from "../util/vdi-error.ts";
import { fileDigest } from "./build-context.ts";
import { aptSources, type DebianMirrors, debianMirrors, debianSources, debianSuite, withoutPassword } from "./debian-mirrors.ts";

/** What the rootfs is made of. */
export interface RootfsOptions {
  /** The archive, absolute. */
  readonly file: string;
  readonly mirrors: DebianMirrors;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly progress: ProgressSink;
  readonly signal: AbortSignal;
  now(): number;
  /** For tests; default: mmdebstrap. */
  readonly program?: string | undefined;
}

/** The archive that was made. */
export interface Rootfs {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly seconds: number;
}

/** What Debian's own slim image leaves out too: nobody reads manuals in a session's image. Later packages keep to it. */
const excluded = [
  "/usr/share/doc/*",
  "/usr/share/man/*",
  "/usr/share/info/*",
  "/usr/share/groff/*",
  "/usr/share/lintian/*",
  "/usr/share/linda/*",
];

/** The lines of the servers to use: by the environment, since an address may have a password in it. */
const sourcesVariable = "VDI_ROOTFS_SOURCES";

/** Puts mmdebstrap's own list of servers aside and another in its place, with the keyring that mmdebstrap has found to be needed. */
const useSources = [
  'set -e; cd "$1/etc/apt"; mkdir own',
  "for each in sources.list sources.list.d; do if [ -e $each ]; then mv $each own; fi; done",
  `signed=$(grep -rhoE '\\[signed-by="[^"]*"\\]' own | head -n 1 || true)`,
  `printf '%s\\n' "$${sourcesVariable}" | sed "s|^deb |deb $signed |" > sources.list`,
].join("; ");

/** The list that was put aside, without the path of this machine's keyring: Debian 13 has its own. */
const restoreSources = [
  'set -e; cd "$1/etc/apt"; rm sources.list; mv own/* .; rmdir own',
  `find sources.list sources.list.d -type f -exec sed -i -E 's/ \\[signed-by="[^"]*"\\]//' {} + 2>/dev/null || true`,
  'test -s sources.list || test -n "$(ls sources.list.d)"',
].join("; ");

/**
 * The arguments for mmdebstrap. The same packages give the same bytes: all times in the archive are those of
 * SOURCE_DATE_EPOCH, and logs and caches are left out. The mirrors of `rootfsEnvironment` are used, but not written into the image, which
 * keeps what mmdebstrap has for its release: Debian's own servers.
 */
export function rootfsArguments(target: string): string[] {
  return [
    "--variant=minbase",
    "--format=tar",
    `--aptopt=Acquire::Languages "none"`,
    `--aptopt=Acquire::Retries "3"`,
    ...excluded.map((each) => `--dpkgopt=path-exclude=${each}`),
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    `--setup-hook=${useSources}`,
    `--customize-hook=${restoreSources}`,
    '--customize-hook=rm -rf "$1/etc/hostname" "$1/etc/resolv.conf" "$1/etc/machine-id" "$1/var/cache/ldconfig/aux-cache"; : > "$1/etc/machine-id"; : > "$1/etc/resolv.conf"',
    debianSuite,
    target,
  ];
}

/** What the program is told by its environment. */
export function rootfsEnvironment(mirrors: DebianMirrors): Record<string, string> {
  return { SOURCE_DATE_EPOCH: "1735689600", [sourcesVariable]: debianSources(mirrors).join("\n") };
}

/** Where the root file system of a deployment directory is made. */
export function rootfsFile(directory: string): string {
  return path.join(directory, "images", "vdi-base", "rootfs.tar.gz");
}

/** Makes it from the given mirrors, else from those of the environment, else from those that this machine's own apt uses. */
export async function makeRootfsFor(
  directory: string,
  given: Partial<Record<keyof DebianMirrors, string | undefined>>,
  ports: Omit<RootfsOptions, "file" | "mirrors">,
): Promise<Rootfs> {
  const named = {
    mirror: given.mirror ?? ports.env["VDI_APT_MIRROR"],
    securityMirror: given.securityMirror ?? ports.env["VDI_APT_SECURITY_MIRROR"],
  };
  const mirrors = debianMirrors(named, named.mirror && named.securityMirror ? [] : await aptSources());
  return makeRootfs({ ...ports, file: rootfsFile(directory), mirrors });
}

/** Makes the root file system of Debian 13 that the base image is imported from. What was there is replaced only by a whole one. */
export async function makeRootfs(options: RootfsOptions): Promise<Rootfs> {
  const started = options.now();
  const directory = path.dirname(options.file);
  await makeOwnedDirectories(directory);
  await removeLeftUnfinished(directory);
  // The ending decides how mmdebstrap compresses; an unfinished archive must not look like a rootfs.
  const unfinished = unfinishedFile(options.file);
  const { mirror, securityMirror } = options.mirrors;
  options.progress.line(`making ${options.file} from ${withoutPassword(mirror)} and ${withoutPassword(securityMirror)}`);
  try {
    await run(options, rootfsArguments(unfinished));
    await giveToOwnerOfDirectory(unfinished);
    await rename(unfinished, options.file);
  } finally {
    await rm(unfinished, { force: true });
  }
  const { size } = await stat(options.file);
  return { file: options.file, bytes: size, sha256: await fileDigest(options.file), seconds: (options.now() - started) / 1000 };
}

function run(options: RootfsOptions, words: readonly string[]): Promise<void> {
  const program = options.program ?? "mmdebstrap";
  // An abort of before would never be told to the listener below.
  options.signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    // Its own process group: an interrupt has to reach the programs that mmdebstrap started as well.
    const child = spawn(program, words, {
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
      env: { ...options.env, ...rootfsEnvironment(options.mirrors) },
    });
    const stop = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
    };
    options.signal.addEventListener("abort", stop, { once: true });
    const lines: string[] = [];
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split(/[\r\n]+/).map((each) => each.trim())) {
        if (line === "") continue;
        lines.push(line);
        if (isNews(line)) options.progress.status(line.replace(/^I: /, "mmdebstrap: "));
      }
    });
    child.on("error", (error: NodeJS.ErrnoException) => reject(error.code === "ENOENT" ? missing(program, error) : error));
    child.on("close", (code) => {
      options.signal.removeEventListener("abort", stop);
      options.progress.clear();
      if (options.signal.aborted) reject(options.signal.reason);
      else if (code === 0) resolve();
      else reject(failed(lines, code));
    });
  });
}

/** What mmdebstrap says for people, without its percentages and its talk of directories and hooks. */
function isNews(line: string): boolean {
  return /^I: (?!running --|using |removing |automatically|chroot arch|finding|done$)/.test(line);
}

function missing(program: string, cause: unknown): VdiError {
  return new VdiError({
    what: `${program} is not installed`,
    why: "it makes the root file system from Debian's packages",
    try: ["apt-get install mmdebstrap", "or make the archive on another Debian machine and copy it into images/vdi-base/"],
    see: "doc/images.md#base",
    exitCode: ExitCode.usage,
    cause,
  });
}

function failed(lines: readonly string[], code: number | null): VdiError {
  return new VdiError({
    what: "the root file system could not be made",
    why: [...lines.slice(-15), `mmdebstrap ended with ${code === null ? "a signal" : `exit code ${code}`}`].join("\n"),
    try: "other mirrors: vdi images rootfs --mirror URL --security-mirror URL",
    see: "doc/images.md#base",
  });
}
