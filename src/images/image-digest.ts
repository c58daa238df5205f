import { existsSync, readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import path from "node:path";
import { rootCertificates } from "node:tls";
import { messageOf } from "../util/vdi-error.ts";
import type { ImageEngine, RegistryLogin } from "./image-engine.ts";
import { type ImageReference, parseImageReference } from "./image-reference.ts";
import { registryLogin } from "./registry-login.ts";

/** The digest of an image, or why it cannot be told from here. */
export type ImageDigest =
  | { readonly digest: string; readonly from: "reference" | "registry" | "engine" }
  | {
      readonly digest: undefined;
      readonly why: string;
      /** True: the registry answered, and has no such image. */
      readonly missing: boolean;
    };

/** Where a digest may be asked for. */
export interface DigestSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the engine last pushed or pulled is taken when the registry cannot be asked. */
  readonly engine?: Pick<ImageEngine, "inspect"> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For one request; default 5,000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * The digest that a registry has for an image now: asked of the registry itself (https, else http for a registry that answers a TLS
 * hello by it, as one in Docker's `insecure-registries` does; with docker's own sign-in), else of the engine. Never throws for a registry that does not answer.
 */
export async function imageDigest(reference: string, sources: DigestSources): Promise<ImageDigest> {
  const image = parseImageReference(reference);
  if (image.digest !== undefined) return { digest: image.digest, from: "reference" };
  try {
    return { digest: await askRegistry(image, sources), from: "registry" };
  } catch (thrown) {
    sources.signal?.throwIfAborted();
    const why = messageOf(thrown);
    // An image that the registry does not have must not be pinned to what this machine once pushed.
    if (thrown instanceof NotThere) return { digest: undefined, why, missing: true };
    const local = await sources.engine?.inspect(reference).catch(() => undefined);
    const known = local?.repoDigests
      .map(parseImageReference)
      .find((each) => each.registry === image.registry && each.repository === image.repository);
    return known?.digest === undefined ? { digest: undefined, why, missing: false } : { digest: known.digest, from: "engine" };
  }
}

/** The reference with its tag replaced by a digest: `registry/vdi-base@sha256:…`. */
export function withDigest(reference: string, digest: string): string {
  const { tag } = parseImageReference(reference);
  const name = reference.split("@")[0] ?? reference;
  return `${tag === undefined ? name : name.slice(0, -tag.length - 1)}@${digest}`;
}

class NotThere extends Error {}

const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

async function askRegistry(image: ImageReference, sources: DigestSources): Promise<string> {
  const host = image.registry === "docker.io" ? "registry-1.docker.io" : image.registry;
  const place = `/v2/${image.repository}/manifests/${image.tag ?? "latest"}`;
  const ask = (scheme: "http" | "https", authorization?: string): Promise<Answer> =>
    request(
      `${scheme}://${host}${place}`,
      "HEAD",
      { accept: manifestTypes, ...(authorization === undefined ? {} : { authorization }) },
      sources,
    );
  let scheme: "http" | "https" = isLoopback(host) ? "http" : "https";
  let answer: Answer;
  try {
    answer = await ask(scheme);
  } catch (thrown) {
    if (scheme === "http" || !speaksPlainHttp(thrown)) throw thrown;
    scheme = "http";
    answer = await ask(scheme);
  }
  if (answer.status === 401) {
    if (scheme === "http" && !isLoopback(host)) throw new Error(`${host} wants a password without encryption`);
    const login = await registryLogin(image.registry, sources);
    answer = await ask(scheme, await authorizationFor(answer, image, login, sources));
  }
  if (answer.status === 404) throw new NotThere(`${host} has no ${image.repository}:${image.tag ?? "latest"}`);
  if (answer.status !== 200) throw new Error(`${host} answered with ${answer.status} ${http.STATUS_CODES[answer.status] ?? ""}`.trim());
  const digest = answer.headers["docker-content-digest"];
  if (typeof digest !== "string" || !/^sha256:[0-9a-f]{64}$/.test(digest)) throw new Error(`${host} answered without a digest`);
  return digest;
}

/** What to send after a 401, as the registry's challenge asks for it. */
async function authorizationFor(answer: Answer, image: ImageReference, login: RegistryLogin, sources: DigestSources): Promise<string> {
  const challenge = answer.headers["www-authenticate"] ?? "";
  const basic =
    login["username"] === undefined
      ? undefined
      : `Basic ${Buffer.from(`${login["username"]}:${login["password"] ?? ""}`).toString("base64")}`;
  if (!/^bearer\s/i.test(challenge)) {
    if (basic === undefined) throw new Error(`${image.registry} wants a sign-in (docker login ${image.registry})`);
    return basic;
  }
  const fields = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]));
  const realm = new URL(fields.get("realm") ?? "");
  // The password goes to whatever the registry names here, so at least never in the clear to another machine.
  if (realm.protocol !== "https:" && !isLoopback(realm.host))
    throw new Error(`${image.registry} wants a sign-in at ${realm.host} without encryption`);
  const service = fields.get("service");
  if (service !== undefined) realm.searchParams.set("service", service);
  realm.searchParams.set("scope", fields.get("scope") ?? `repository:${image.repository}:pull`);
  const identity = login["identitytoken"];
  const granted =
    identity === undefined
      ? await request(realm.href, "GET", basic === undefined ? {} : { authorization: basic }, sources)
      : await request(
          realm.href,
          "POST",
          { "content-type": "application/x-www-form-urlencoded" },
          sources,
          new URLSearchParams({
            grant_type: "refresh_token",
            refresh_token: identity,
            client_id: "vdi",
            service: service ?? "",
            scope: realm.searchParams.get("scope") ?? "",
          }).toString(),
        );
  const given = granted.status === 200 ? (JSON.parse(granted.body) as { token?: unknown; access_token?: unknown }) : {};
  const token = given.token ?? given.access_token;
  if (typeof token !== "string") throw new Error(`${image.registry} did not accept the sign-in (docker login ${image.registry})`);
  return `Bearer ${token}`;
}

function request(url: string, method: string, headers: http.OutgoingHttpHeaders, sources: DigestSources, body?: string): Promise<Answer> {
  const at = new URL(url);
  const timeout = AbortSignal.timeout(sources.timeoutMs ?? 5_000);
  const signal = sources.signal === undefined ? timeout : AbortSignal.any([sources.signal, timeout]);
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(timeout.aborted ? new Error(`${at.host} did not answer in time`) : error);
    const send = at.protocol === "https:" ? https.request : http.request;
    const outgoing = send(at, { method, headers, signal, ...(at.protocol === "https:" ? { ca: trusted(at.host) } : {}) }, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (chunk: string) => {
        if (text.length < 1_000_000) text += chunk;
      });
      incoming.on("error", fail);
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: text }));
    });
    outgoing.on("error", fail);
    outgoing.end(body);
  });
}

/** Certificates that Docker itself would trust for this registry: Node's, this machine's, and those of `/etc/docker/certs.d`. */
function trusted(host: string): string[] {
  const found = [...rootCertificates];
  const directory = path.join("/etc/docker/certs.d", host);
  const own = existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => name.endsWith(".crt"))
        .map((name) => path.join(directory, name))
    : [];
  for (const file of [...systemBundles, ...own]) {
    try {
      found.push(readFileSync(file, "utf8"));
    } catch {
      // Each of them is on some systems only.
    }
  }
  return found;
}

/** Where Linux distributions keep the certificates that the machine trusts. */
export const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/.test(host);
}

/**
 * Whether the other side answered a TLS hello with something that is no TLS, as an http server does. A connection that was reset or an
 * alert says nothing of the kind: whoever can cut the line would choose the digest.
 */
function speaksPlainHttp(thrown: unknown): boolean {
  return /wrong version number|packet length too long/.test(messageOf(thrown));
}
