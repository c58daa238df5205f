import { describe, expect, it } from "vitest";
import { obsolete, unionOf } from "../../../src/deployment/inventory.ts";
import type { ObjectRef } from "../../../src/manifests/kube-object.ts";

const ref = (kind: string, name: string, apiVersion = "v1", namespace = "vdi-stp"): ObjectRef => ({ apiVersion, kind, namespace, name });

describe("what is obsolete", () => {
  it("is what was recorded and is not made any more", () => {
    const old = [ref("ConfigMap", "a"), ref("ConfigMap", "b"), ref("PodDisruptionBudget", "xpra-proxy", "policy/v1beta1")];
    expect(obsolete(old, [ref("ConfigMap", "b"), ref("PodDisruptionBudget", "xpra-proxy", "policy/v1")])).toEqual([ref("ConfigMap", "a")]);
  });

  it("is never a namespace, a volume, a claim, or a kind that nobody knows", () => {
    const old = ["Namespace", "PersistentVolume", "PersistentVolumeClaim", "Pod", "Whatever"].map((kind) => ref(kind, "x"));
    expect(obsolete(old, [])).toEqual([]);
  });

  it("unites records in one order", () => {
    const [a, b] = [ref("ConfigMap", "a"), ref("Secret", "b")];
    expect(unionOf([b], [a, b])).toEqual([a, b]);
    expect(unionOf([a, b], [])).toEqual(unionOf([b, a], []));
  });
});
