import { describe, expect, it } from "vitest";
import { addedNodeSelector, defaultClasses, readPodAdditions } from "../../../src/deployment/pod-additions.ts";
import { KubeError } from "../../../src/kube/kube-error.ts";
import type { KubeTransport } from "../../../src/kube/transport.ts";

/** A cluster that has these answers, by their paths; a number is a refusal with that status. */
function additions(answers: Record<string, object | number>) {
  const json = async ({ path }: { path: string }) => {
    const answer = answers[path] ?? 404;
    if (typeof answer === "number") throw new KubeError({ status: answer, reason: "", message: "no", request: { path } } as never);
    return answer;
  };
  return readPodAdditions({ json } as unknown as KubeTransport, { namespace: "vdi-stp" });
}

const classes = "/apis/scheduling.k8s.io/v1/priorityclasses";
const account = "/api/v1/namespaces/vdi-stp/serviceaccounts/vdi-session";
const priorityClass = (name: string, value: number, globalDefault?: boolean) => ({ metadata: { name }, value, globalDefault });

describe("what the cluster adds to pods", () => {
  it("is nothing where there is nothing, and where nothing may be read", async () => {
    const nothing = { priorityClasses: [], pullSecrets: [], nodeSelector: {} };
    expect(await additions({})).toEqual(nothing);
    expect(await additions({ [classes]: 403, [account]: 403, "/api/v1/namespaces/vdi-stp": 403 })).toEqual(nothing);
    await expect(additions({ [classes]: 500 })).rejects.toThrow("the cluster cannot be asked");
  });

  it("is the default class, the account's pull secrets and the namespace's node selector", async () => {
    expect(
      await additions({
        [classes]: { items: [priorityClass("system-node-critical", 2_000_001_000), priorityClass("usual", 100, true)] },
        [account]: { imagePullSecrets: [{ name: "registry" }, { name: "dockercfg-x2" }, { name: "registry" }] },
        "/api/v1/namespaces/vdi-stp": { metadata: { annotations: { "openshift.io/node-selector": "room=desktops" } } },
      }),
    ).toEqual({ priorityClasses: ["usual"], pullSecrets: ["dockercfg-x2", "registry"], nodeSelector: { room: "desktops" } });
  });

  it("is OpenShift's level for the namespace", async () => {
    const annotations = { "openshift.io/sa.scc.mcs": "s0:c27,c4" };
    expect(await additions({ "/api/v1/namespaces/vdi-stp": { metadata: { annotations } } })).toMatchObject({ seLinuxLevel: "s0:c27,c4" });
  });

  it("is the least of several default classes, as the API server chooses", () => {
    expect(
      defaultClasses([
        priorityClass("high", 1000, true),
        priorityClass("b", 1, true),
        priorityClass("a", 1, true),
        priorityClass("none", 0),
      ] as never),
    ).toEqual(["a", "b"]);
  });

  it.each<[string, Record<string, string>, string | undefined, Record<string, string>]>([
    [
      "PodNodeSelector's before OpenShift's",
      { "scheduler.alpha.kubernetes.io/node-selector": "b=2, a=1", "openshift.io/node-selector": "c=3" },
      "d=4",
      { a: "1", b: "2" },
    ],
    ["the cluster's default", {}, "node-role.kubernetes.io/worker=", { "node-role.kubernetes.io/worker": "" }],
    ["none where OpenShift's is empty", { "openshift.io/node-selector": "" }, "d=4", {}],
  ])("is by its annotations: %s", (_what, annotations, clusterDefault, wanted) => {
    expect(addedNodeSelector(annotations, clusterDefault)).toEqual(wanted);
  });
});
