import { type ImageSkew, imageSkew, shortImage, toldSkew } from "../deployment/image-skew.ts";
import { type DirectoryDifferences, directoryDifferences } from "../deployment/overrides.ts";
import { pinImages } from "../deployment/pinned-images.ts";
import { type DeploymentStatus, deploymentStatus } from "../deployment/status.ts";
import { type Weakness, weaknesses } from "../deployment/weaknesses.ts";
import type { Command, Style } from "../util/command.ts";
import { counted } from "../util/counted.ts";
import { ExitCode } from "../util/exit-code.ts";
import { clusterOptions, directoryOption, namespaceOption } from "../util/options.ts";
import { choice, flag, list, map, number, object, optional, text, texts, time } from "../util/shape.ts";
import { ageText, table } from "../util/table.ts";
import { wrapped } from "../util/wrap.ts";
import { withCluster } from "./prepared.ts";
import { certificateField, namespaceField } from "./shapes.ts";

/** What `vdi status` gives. */
export interface Status extends DeploymentStatus, DirectoryDifferences {
  /** Images that a deploy would replace. */
  readonly olderImages: readonly ImageSkew[];
  /** Images of which the registry could not be asked from here. */
  readonly imagesNotKnown: readonly string[];
  readonly weaknesses: readonly Weakness[];
}

/** Nobody waits longer for a registry that only says whether there is something newer. */
const registryTimeoutMs = 2_000;

/** `vdi status`: how the deployment is on the cluster. */
export const status: Command<Status> = {
  path: ["status"],
  summary: "show how the deployment is on the cluster",
  description: "Exit code 0 when all proxies are ready, 3 when not.",
  options: [namespaceOption, directoryOption, ...clusterOptions],
  examples: [{ line: "vdi status", does: "proxies, addresses, certificate and number of sessions" }],

  shape: object({
    namespace: namespaceField,
    server: text("the cluster"),
    deployed: flag("false: there is nothing on the cluster"),
    ready: flag("all proxies are ready; exit code 3 when not"),
    rollout: text("how many proxies are ready, and what stands in the way"),
    version: optional(text("version of the `vdi` that deployed last")),
    image: text("image of the proxies"),
    proxies: list(
      object({
        name: text("name of the pod"),
        ready: flag("it takes users"),
        node: text("where it is"),
        restarts: number("restarts of all its containers"),
        startedAt: time("when the pod was made"),
        broker: object(
          { ready: flag("it knows the cluster's sessions"), restarts: number("restarts of its container") },
          "the broker in it",
        ),
        current: flag("it has the image that the deployment has now"),
      }),
      "the proxies' pods",
    ),
    addresses: texts("where users go"),
    certificate: optional(certificateField("the certificate that the cluster has")),
    sessions: map(number("how many"), "sessions by state (those of `vdi sessions list`)"),
    sessionTypes: list(
      object({
        type: text("the type, with `mhd-` or `nhd-` if it was asked for"),
        states: map(number("how many"), "its sessions by state"),
      }),
      "the sessions' types",
    ),
    sessionsOnOldImages: number("running sessions that have another image than new ones get"),
    olderImages: list(
      object({
        of: text("`proxies`; `default` for most sessions; or the part of the variable after `IMAGE_`"),
        deployed: text("reference on the cluster; empty: none"),
        newest: text("what a deploy would use now; empty: none"),
      }),
      "images that a deploy would replace",
    ),
    imagesNotKnown: texts("images of which the registry could not be asked from here"),
    overrides: list(
      object({
        path: text("the file, below `to_container`"),
        state: choice(["added", "changed"], "against this version of `vdi`"),
        reaches: choice(["sessions", "images"], "`images`: only when they are built next"),
      }),
      "your own files that take the place of what is baked into the images, or come beside it",
    ),
    ofOtherVersion: texts("files of `to_container` as another version of `vdi` laid them out; `vdi init` brings them up to this one"),
    weaknesses: list(
      object({
        what: text("the variable, or the object on the cluster"),
        is: text("how it is"),
        consequence: text("what that means, in a sentence"),
        where: choice(["configuration", "cluster"], "`cluster`: it is so there, although the directory says something else"),
      }),
      "what is weaker than the default",
    ),
    at: time("when the cluster was asked"),
  }),

  run: (ctx, input) =>
    withCluster(ctx, input, async (config, transport) => {
      const [{ status, safety, broker }, pinned, differences] = await Promise.all([
        deploymentStatus(transport, config, ctx.now(), ctx.signal),
        pinImages(config, { env: ctx.env, signal: ctx.signal, timeoutMs: registryTimeoutMs }),
        directoryDifferences(config.directory, ctx.distribution),
      ]);
      const known = (reference: string): boolean => reference.includes("@") || pinned.images.get(reference) !== reference;
      const skew = imageSkew(config, pinned.images, { proxy: status.deployed ? status.image : undefined, sessions: broker?.images });
      return {
        ...status,
        olderImages: toldSkew(skew),
        imagesNotKnown: [...pinned.images.keys()].filter((reference) => !known(reference)),
        ...differences,
        weaknesses: weaknesses(config, status.deployed ? safety : undefined),
      };
    }),

  human(data, style) {
    const weak = weakLines(data.weaknesses, style);
    if (!data.deployed) return [`${data.namespace}: not deployed on ${data.server}`, ...weak].join("\n");
    return [...factLines(data, style), ...overrideLines(data, style), ...weak].join("\n");
  },

  exitCode: (data) => (data.ready ? ExitCode.ok : ExitCode.checkFailed),
};

function factLines(data: Status, style: Style): readonly string[] {
  const line = (name: string, value: string, colour: (text: string) => string = (same) => same): string =>
    `${name.padEnd(indent.length)}${colour(wrapped(value, indent).trimStart())}`;
  const lines = [
    line("deployment", `${data.namespace} on ${data.server}${data.version === undefined ? "" : `, by vdi ${data.version}`}`),
    line("proxies", data.rollout, data.ready ? style.green : style.red),
    line("image", shortImage(data.image)),
    ...data.olderImages.map(({ of, deployed, newest }) =>
      line(
        "",
        `${of === "proxies" ? "proxies" : `sessions (${of})`}: ${shortImage(deployed)}, newest ${shortImage(newest) || "none"}; vdi deploy brings it`,
        style.yellow,
      ),
    ),
    ...(data.imagesNotKnown.length === 0
      ? []
      : [line("", `whether there is a newer one cannot be asked from here: ${data.imagesNotKnown.join(", ")}`)]),
    line("addresses", data.addresses.join(", ") || "none"),
  ];
  if (data.certificate !== undefined) {
    const { subject, validTo, daysLeft } = data.certificate;
    lines.push(
      line(
        "certificate",
        `${subject}, until ${validTo.slice(0, 10)} (${counted(daysLeft, "day")})`,
        daysLeft < 30 ? style.yellow : undefined,
      ),
    );
  }
  lines.push(line("sessions", counts(data.sessions) || "none"));
  for (const { type, states } of data.sessionTypes) lines.push(line("", `${type}: ${counts(states)}`));
  if (data.sessionsOnOldImages > 0) lines.push(line("", `${data.sessionsOnOldImages} on older images, until they end`));
  if (data.proxies.length > 0) {
    const rows = data.proxies.map(({ name, ready, broker, restarts, startedAt, node, current }) => [
      name,
      ready ? "yes" : "no",
      broker.ready ? "yes" : "no",
      String(restarts),
      ageText(startedAt, data.at),
      current ? "current" : "older",
      node,
    ]);
    lines.push("", table(["POD", "READY", "BROKER", "RESTARTS", "AGE", "IMAGE", "NODE"], rows, style));
  }
  return lines;
}

const indent = " ".repeat(13);

function counts(states: Readonly<Record<string, number>>): string {
  return Object.entries(states)
    .map(([state, count]) => `${count} ${state}`)
    .join(", ");
}

function overrideLines({ overrides, ofOtherVersion }: Status, style: Style): readonly string[] {
  const count = ofOtherVersion.length;
  const other = `${counted(count, "file of to_container is", "files of to_container are")} of another version of vdi; vdi init brings them up to this one`;
  const note = count === 0 ? [] : ["", wrapped(other, "")];
  if (overrides.length === 0) return note;
  const rows = overrides.map(({ path, state, reaches }) => [
    `  ${path}`,
    state,
    reaches === "sessions" ? "goes to every session" : "goes into the images at the next build",
  ]);
  return [
    "",
    style.bold("your own files, beside or instead of those of the images"),
    ...table(["", "", ""], rows, style).split("\n").slice(1),
    ...note,
  ];
}

function weakLines(weak: readonly Weakness[], style: Style): readonly string[] {
  if (weak.length === 0) return [];
  return [
    "",
    style.bold("weaker than the default"),
    ...weak.flatMap(({ what, is, consequence, where }) => [
      `  ${style.yellow(`${what}: ${is}`)}${where === "cluster" ? ", on the cluster" : ""}`,
      wrapped(consequence, "    "),
    ]),
  ];
}
