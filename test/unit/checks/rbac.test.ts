import { describe, expect, it } from "vitest";
import { holdersOf, isControlPlane, type RbacFacts, rightsOf } from "../../../src/checks/rbac.ts";
import { readersFinding } from "../../../src/checks/rights.ts";

const rbac = "rbac.authorization.k8s.io";

const facts: RbacFacts = {
  clusterRoles: [
    { metadata: { name: "cluster-admin" }, rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }] },
    { metadata: { name: "view" }, rules: [{ apiGroups: [""], resources: ["pods", "configmaps"], verbs: ["get", "list", "watch"] }] },
    { metadata: { name: "shell" }, rules: [{ apiGroups: [""], resources: ["*/exec"], verbs: ["create"] }] },
    { metadata: { name: "one-pod" }, rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"], resourceNames: ["alice-desktop"] }] },
  ],
  clusterRoleBindings: [
    binding(
      "cluster-admin",
      "ClusterRole",
      "cluster-admin",
      undefined,
      { kind: "Group", name: "system:masters" },
      { kind: "User", name: "root@site" },
    ),
    binding("scheduler", "ClusterRole", "view", undefined, { kind: "User", name: "system:kube-scheduler" }),
  ],
  roles: [{ metadata: { name: "broker", namespace: "vdi" }, rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["list", "get"] }] }],
  roleBindings: [
    binding("broker", "Role", "broker", "vdi", { kind: "ServiceAccount", name: "broker", namespace: "ingress-vdi" }),
    binding("helpdesk", "ClusterRole", "view", "vdi", { kind: "Group", name: "helpdesk" }),
    binding("elsewhere", "ClusterRole", "view", "other", { kind: "Group", name: "strangers" }),
    binding("shell", "ClusterRole", "shell", "vdi", { kind: "ServiceAccount", name: "ci" }),
    binding("one", "ClusterRole", "one-pod", "vdi", { kind: "User", name: "friend" }),
  ],
};

function binding(
  name: string,
  kind: string,
  role: string,
  namespace: string | undefined,
  ...subjects: { kind: string; name: string; namespace?: string }[]
): RbacFacts["roleBindings"][number] {
  return {
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    roleRef: { apiGroup: rbac, kind, name: role },
    subjects,
  };
}

const action = (verb: string, resource: string) => ({ verb, group: "", resource, namespace: "vdi" });

describe("who may", () => {
  it("read pods: by binding of the namespace or of the cluster, by name too, and nobody of another namespace", () => {
    expect(holdersOf(facts, [action("get", "pods")]).map(({ who, via }) => `${who} by ${via}`)).toEqual([
      "Group helpdesk by rolebinding/helpdesk in vdi",
      "Group system:masters by clusterrolebinding/cluster-admin",
      "ServiceAccount ingress-vdi/broker by rolebinding/broker in vdi",
      "User friend by rolebinding/one in vdi",
      "User root@site by clusterrolebinding/cluster-admin",
      "User system:kube-scheduler by clusterrolebinding/scheduler",
    ]);
  });

  it("run something in a pod, by a rule for every resource with that part", () => {
    expect(holdersOf(facts, [action("create", "pods/exec")]).map(({ who }) => who)).toEqual([
      "Group system:masters",
      "ServiceAccount vdi/ci",
      "User root@site",
    ]);
  });

  it("is told apart: the broker, parts of Kubernetes and those who may do everything are expected, others are named", () => {
    const broker = "ServiceAccount ingress-vdi/broker";
    const found = readersFinding(holdersOf(facts, [action("get", "pods")]), broker);
    expect(found).toEqual({
      status: "warning",
      problems: ["Group helpdesk (rolebinding/helpdesk in vdi)", "User friend (rolebinding/one in vdi)"],
    });
    const tidy = { ...facts, roleBindings: facts.roleBindings.filter(({ metadata }) => metadata?.name === "broker") };
    expect(readersFinding(holdersOf(tidy, [action("get", "pods")]), broker)).toEqual({
      status: "ok",
      detail: "besides those who may do everything: Group system:masters, User root@site",
    });
    // Nobody is expected to read what the broker has no right to.
    expect(readersFinding(holdersOf(tidy, [action("get", "pods")]), undefined).status).toBe("warning");
  });

  it("is not every name of Kubernetes' a part of it: everybody who signed in is one", () => {
    expect(["User system:kube-scheduler", "Group system:nodes", "ServiceAccount kube-system/x"].map(isControlPlane)).toEqual([
      true,
      true,
      true,
    ]);
    expect(
      [
        "Group system:authenticated",
        "Group system:unauthenticated",
        "Group system:serviceaccounts",
        "Group system:serviceaccounts:kube-public",
        "User system:anonymous",
        "User system:serviceaccount:default:x",
        "User alice",
      ].map(isControlPlane),
    ).toEqual([false, false, false, false, false, false, false]);
  });
});

describe("the rights of an account", () => {
  it("come from bindings that name it or one of its groups", () => {
    const everybody = binding("all", "ClusterRole", "view", undefined, { kind: "Group", name: "system:serviceaccounts:ingress-vdi" });
    const rights = rightsOf(
      { ...facts, clusterRoleBindings: [...facts.clusterRoleBindings, everybody] },
      { namespace: "ingress-vdi", name: "broker" },
    );
    expect(rights).toEqual([
      { text: "pods, configmaps: get, list, watch everywhere", via: "clusterrolebinding/all", isOwn: false },
      { text: "pods: get, list in vdi", via: "rolebinding/broker in vdi", isOwn: true },
    ]);
  });
});
