import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { similarNames } from "../../../src/config/nearest.ts";
import { readConfigText } from "../../../src/config/read-config.ts";
import { type Effect, effectsOf } from "../../../src/config/table-effects.ts";
import { variables } from "../../../src/config/variables.ts";
import { planDeployment } from "../../../src/deployment/plan.ts";
import type { KubeObject } from "../../../src/manifests/kube-object.ts";

const base = `NAMESPACE=vdi-stp
XPRA_REGISTRY_SRV=127.0.0.1:5000
EXTERNALIPS=192.0.2.10
DOMNAME=example.test
XPRA_WORKERS=all
`;

/** What of a change cannot be seen in the objects of the plan. */
const outsideOfPlan: readonly Effect[] = ["certificate", "images", "nodes", "users", "local"];

function objectsWith(line: string): readonly KubeObject[] {
  const { config, diagnostics } = readConfigText({ dir: "/data/srv/vdi-stp", env: {} }, `${base}${line}\n`);
  if (config === undefined) throw new Error(`${line}: ${JSON.stringify(diagnostics)}`);
  return planDeployment({
    config,
    files: {
      sessionTypes: [{ path: "default/xpra_startup_desktop.sh", content: Buffer.from("#!/bin/bash\n"), executable: true }],
      etc: [{ path: "xpra-vars.sh", content: Buffer.from(""), executable: false }],
      bin: [],
    },
    users: { passwd: "", shadow: "", group: "" },
    certificate: "CERTIFICATE",
    certificateKey: "KEY",
    ticketKey: "TICKET",
    pinnedImages: new Map(),
    directoryName: "vdi-stp",
    version: "1",
    templates: join(import.meta.dirname, "../../../templates"),
    cluster: { hasAdmissionPolicies: true, insideRanges: [] },
  }).objects;
}

/** Which effects the objects show when they are compared. */
function effectsBetween(before: readonly KubeObject[], after: readonly KubeObject[]): readonly Effect[] {
  const key = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`;
  const known = new Map(before.map((object) => [key(object), object]));
  if (after.some((object) => object.kind === "Namespace" && !known.has(key(object)))) return ["deployment"];
  // Another name leaves nothing of the proxies where it was.
  if (after.some((object) => object.kind === "Deployment" && !known.has(key(object)))) return ["deployment"];
  const changed = after.filter((object) => JSON.stringify(object) !== JSON.stringify(known.get(key(object))));
  return [...new Set(changed.flatMap((object) => effectOf(object, known.get(key(object)))))].sort();
}

function effectOf(after: KubeObject, before: KubeObject | undefined): readonly Effect[] {
  switch (after.kind) {
    case "Deployment": {
      const template = (object: KubeObject | undefined): string =>
        JSON.stringify((object as unknown as { spec: { template: unknown } }).spec.template);
      return template(after) === template(before) ? ["scale"] : ["proxies"];
    }
    case "Service":
      return ["service"];
    case "Namespace":
      return ["namespaces"];
    case "NetworkPolicy":
    case "ValidatingAdmissionPolicy":
      return ["policy"];
    case "PodDisruptionBudget":
      return ["scale"];
    case "ConfigMap":
      return after.metadata.name.endsWith("-broker") ? ["sessions"] : [];
    default:
      throw new Error(`what does a changed ${after.kind} mean for the admin?`);
  }
}

describe("the table of effects", () => {
  const current = variables.filter(({ dropped }) => dropped === undefined);

  it("has every variable, and no others", () => {
    expect(Object.keys(effectsOf).sort()).toEqual(current.map(({ name }) => name).sort());
  });

  it("says that what is kept for later changes nothing", () => {
    const changing = current.filter(({ name, later }) => later === true && (effectsOf[name]?.changes.length ?? 0) > 0);
    expect(changing.map(({ name }) => name)).toEqual([]);
  });

  it("has examples that are valid and differ from the default", () => {
    for (const { name, type, default: value } of current) {
      for (const example of effectsOf[name]?.examples ?? []) {
        expect(type.problem(example), `${name}=${example}`).toBeUndefined();
        expect(example, name).not.toBe(value);
      }
    }
  });

  const before = objectsWith("");
  const visible = current.filter(({ name }) => name !== "NAMESPACE" && (effectsOf[name]?.examples.length ?? 0) > 0);
  it.each(visible.map(({ name }) => name))("is right about %s: the plan changes just so", (name) => {
    const { changes = [], examples = [] } = effectsOf[name] ?? {};
    const also = name === "XPRA_VALIDATE_USER" ? "XPRA_OPEN_DOOR='anybody may enter'\n" : "";
    const found = effectsBetween(before, objectsWith(`${also}${name}='${examples[0] ?? ""}'`));
    expect(found).toEqual(changes.filter((effect) => !outsideOfPlan.includes(effect)).sort());
  });
});

describe("similar names", () => {
  it.each([
    ["XPRA_WORKER", "XPRA_WORKERS"],
    ["REPLICA", "REPLICAS"],
    ["MEMORY_LIMIT", "XPRA_SESSION_MEMORY_LIMIT"],
    ["xpra_screen", "XPRA_SCREEN"],
  ])("of %s has %s first", (name, known) => {
    expect(similarNames(name)[0]).toBe(known);
  });

  it("are none for something else", () => {
    expect(similarNames("FROBNICATE")).toEqual([]);
  });
});
