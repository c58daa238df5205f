import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { create } from "tar";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";
import { debianSources, debianSuite } from "./debian-mirrors.ts";
import { systemBundles } from "./image-digest.ts";
import { contentKeyLabel, type ImageEngine } from "./image-engine.ts";

/** The image that builds mount, and the place where they see it. Dockerfiles name both. */
export const buildEnvironmentImage = "vdi-build-env";
const mountPoint = "/run/build-env";

/** What a build is told of this machine, as files by name. */
export type BuildEnvironment = Readonly<Record<string, string>>;

type Env = Readonly<Record<string, string | undefined>>;

/** Settings of pip and npm that are handed on when the admin has set them. */
const handedOn = [
  "PIP_INDEX_URL",
  "PIP_EXTRA_INDEX_URL",
  "PIP_TRUSTED_HOST",
  "PIP_DEFAULT_TIMEOUT",
  "npm_config_registry",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
];

/**
 * What a build needs of this machine to reach the outside: its certificates, mirrors and proxies. Nothing of it becomes a part
 * of an image: a build step mounts these files and reads `env.sh` (`doc/images.md#build-settings`). Throws when a Debian mirror
 * is set without one for the security updates.
 */
export function buildEnvironment(env: Env): BuildEnvironment {
  const bundle = caBundle(env);
  const files: Record<string, string> = {};
  const lines = ["# What this machine needs to reach the outside; mounted while an image is built."];
  if (bundle !== undefined) {
    files["ca-certificates.crt"] = bundle;
    const names = [
      "PIP_CERT",
      "SSL_CERT_FILE",
      "REQUESTS_CA_BUNDLE",
      "CURL_CA_BUNDLE",
      "GIT_SSL_CAINFO",
      "NODE_EXTRA_CA_CERTS",
      "npm_config_cafile",
    ];
    for (const name of names) lines.push(`export ${name}=${mountPoint}/ca-certificates.crt`);
  }
  const settings = new Map<string, string>(Object.entries(pipSettings(env)));
  for (const name of handedOn) {
    const value = env[name];
    if (value !== undefined && value !== "") settings.set(name, value);
  }
  for (const [name, value] of settings) lines.push(`export ${name}=${shellWord(value)}`);
  lines.push("export DEBIAN_FRONTEND=noninteractive PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1");
  lines.push(`export APT_CONFIG=${mountPoint}/apt.conf`);
  files["apt.conf"] = aptSettings(env, bundle !== undefined);
  const mirror = env["VDI_APT_MIRROR"];
  if (mirror !== undefined && mirror !== "") {
    const securityMirror = env["VDI_APT_SECURITY_MIRROR"];
    if (securityMirror === undefined || securityMirror === "") throw noSecurityMirror();
    files["sources.list"] = `${debianSources({ mirror, securityMirror }).join("\n")}\n`;
    files["apt-mirror.conf"] =
      `${files["apt.conf"]}Dir::Etc::SourceList "${mountPoint}/sources.list";\nDir::Etc::SourceParts "/dev/null";\n`;
    // The list is one of Debian 13; an image of something else keeps its own.
    lines.push(`if grep -qs '^VERSION_CODENAME=${debianSuite}$' /etc/os-release; then APT_CONFIG=${mountPoint}/apt-mirror.conf; fi`);
  }
  files["env.sh"] = `${lines.join("\n")}\n`;
  return files;
}

/** An image without security updates must be nobody's surprise. */
function noSecurityMirror(): VdiError {
  return new VdiError({
    what: "VDI_APT_MIRROR is set, but not VDI_APT_SECURITY_MIRROR",
    why: "the images would be made without Debian's security updates",
    try: ["export VDI_APT_SECURITY_MIRROR=URL", "or unset VDI_APT_MIRROR, so that the images' own lists are used"],
    see: "doc/images.md#build-settings",
    exitCode: ExitCode.usage,
  });
}

/** The bundle that the admin chose, else this machine's own. */
function caBundle(env: Env): string | undefined {
  const chosen = [env["VDI_CA_BUNDLE"], env["SSL_CERT_FILE"], ...systemBundles];
  const file = chosen.find((each) => each !== undefined && each !== "" && existsSync(each));
  return file === undefined ? undefined : readFileSync(file, "utf8");
}

function aptSettings(env: Env, hasBundle: boolean): string {
  const lines = [
    // Packages stay in the cache mount, which is none of the image; the image's own settings would throw them away.
    'Dir::Etc::Parts "/dev/null";',
    'Binary::apt::APT::Keep-Downloaded-Packages "true";',
    'APT::Keep-Downloaded-Packages "true";',
    'APT::Install-Recommends "false";',
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    // A step that is cut short is thrown away as a whole: no need to wait for the disk after each file.
    'DPkg::Options:: "--force-unsafe-io";',
  ];
  if (hasBundle) lines.push(`Acquire::https::CaInfo "${mountPoint}/ca-certificates.crt";`);
  const proxy = env["VDI_APT_PROXY"];
  if (proxy !== undefined && /^[\w.:/@%-]+$/.test(proxy)) lines.push(`Acquire::http::Proxy "${proxy}";`);
  return `${lines.join("\n")}\n`;
}

/** Mirrors from pip's own configuration files; the environment goes before them. */
function pipSettings(env: Env): Record<string, string> {
  const home = env["HOME"] ?? homedir();
  const files = [
    "/etc/pip.conf",
    path.join(home, ".pip", "pip.conf"),
    path.join(env["XDG_CONFIG_HOME"] ?? path.join(home, ".config"), "pip", "pip.conf"),
    env["PIP_CONFIG_FILE"],
  ];
  const found: Record<string, string> = {};
  for (const file of files) {
    if (file === undefined || file === "" || !existsSync(file)) continue;
    let section = "";
    for (const line of readFileSync(file, "utf8").split(/\r?\n/)) {
      section = /^\s*\[(.*)\]\s*$/.exec(line)?.[1] ?? section;
      const [, key = "", value = ""] = /^([\w-]+)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
      if (section === "global" && /^(index-url|extra-index-url|trusted-host)$/.test(key) && value !== "")
        found[`PIP_${key.toUpperCase().replaceAll("-", "_")}`] = value;
    }
  }
  return found;
}

function shellWord(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

/**
 * Gives the engine an image with these files, unless it has it, and gives its reference. The tag is made of the content, so that
 * builds of different settings do not get into each other's way.
 */
export async function provideBuildEnvironment(engine: ImageEngine, files: BuildEnvironment, signal: AbortSignal): Promise<string> {
  const key = createHash("sha256")
    .update(JSON.stringify(Object.entries(files).sort()))
    .digest("hex");
  const reference = `${buildEnvironmentImage}:${key.slice(0, 12)}`;
  if ((await engine.inspect(reference)) !== undefined) return reference;
  const directory = await mkdtemp(path.join(tmpdir(), "vdi-build-env-"));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(directory, name), text, { mode: 0o644 });
    // The same bytes for the same files: the engine's cache of build steps looks at this image too.
    const archive = create({ cwd: directory, portable: true, mtime: new Date(0) }, Object.keys(files).sort());
    await engine.importRootfs(reference, archive as unknown as NodeJS.ReadableStream, [`LABEL ${contentKeyLabel}=${key}`], signal);
    return reference;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A Dockerfile with the image of the settings named as this build has it. */
export function withBuildEnvironment(dockerfile: string, reference: string): string {
  return dockerfile.replace(new RegExp(`(\\bfrom=)${buildEnvironmentImage}(?=[\\s,]|$)`, "g"), `$1${reference}`);
}
