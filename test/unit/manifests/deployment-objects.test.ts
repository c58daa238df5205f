import { describe, expect, it } from "vitest";
import { brokerRole, brokerRoleBinding, serviceAccounts } from "../../../src/manifests/broker-access.ts";
import { deploymentLabels } from "../../../src/manifests/deployment-names.ts";
import { disruptionBudget } from "../../../src/manifests/disruption-budget.ts";
import { namespaces } from "../../../src/manifests/namespaces.ts";
import { networkPolicies } from "../../../src/manifests/network-policies.ts";
import { certificateSecrets, environmentSecret, ticketSecret, usersSecret } from "../../../src/manifests/secrets.ts";

const names = { namespace: "vdi-stp", ingressNamespace: "ingress-vdi-stp", deployName: "xpra-proxy" };
const labels = {
  "app.kubernetes.io/name": "vdi",
  "app.kubernetes.io/instance": "vdi-stp",
  "app.kubernetes.io/part-of": "vdi-stp",
  "app.kubernetes.io/managed-by": "vdi",
};

describe("the objects of a deployment", () => {
  it("puts the proxies under baseline and the sessions under the site's profile", () => {
    const [ingress, sessions] = namespaces(names, { sessionProfile: "restricted", directory: "vdi-stp", version: "1.2.3" });
    expect(ingress).toEqual({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: {
        name: "ingress-vdi-stp",
        labels: {
          ...labels,
          "pod-security.kubernetes.io/enforce": "baseline",
          "pod-security.kubernetes.io/enforce-version": "latest",
          "pod-security.kubernetes.io/warn": "baseline",
          "pod-security.kubernetes.io/audit": "baseline",
        },
        annotations: { "vdi.xpra.org/directory": "vdi-stp", "vdi.xpra.org/version": "1.2.3" },
      },
    });
    expect(sessions.metadata.name).toBe("vdi-stp");
    expect(sessions.metadata.labels?.["pod-security.kubernetes.io/enforce"]).toBe("restricted");
  });

  it("lets the broker do exactly what it needs, in the sessions' namespace", () => {
    expect(brokerRole(names)).toEqual({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: { name: "xpra-proxy-broker", namespace: "vdi-stp", labels },
      rules: [
        { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch", "create", "delete"] },
        { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
        { apiGroups: [""], resources: ["events"], verbs: ["list", "watch"] },
      ],
    });
    expect(brokerRoleBinding(names)).toMatchObject({
      metadata: { namespace: "vdi-stp" },
      roleRef: { kind: "Role", name: "xpra-proxy-broker" },
      subjects: [{ kind: "ServiceAccount", name: "xpra-proxy-broker", namespace: "ingress-vdi-stp" }],
    });
  });

  it("gives no pod a token by itself", () => {
    expect(
      serviceAccounts(names).map(({ metadata, automountServiceAccountToken }) => [
        metadata.namespace,
        metadata.name,
        automountServiceAccountToken,
      ]),
    ).toEqual([
      ["ingress-vdi-stp", "xpra-proxy-broker", false],
      ["vdi-stp", "vdi-session", false],
    ]);
  });

  it("lets only the proxies reach a session, and a session only DNS and the outside", () => {
    const [sessions, proxies] = networkPolicies(names, [14500], 8443, { inside: ["10.96.0.0/16", "fd00:10::/64", "10.244.0.0/24"] });
    expect(sessions?.spec).toEqual({
      podSelector: {},
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        {
          from: [
            {
              namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "ingress-vdi-stp" } },
              podSelector: { matchLabels: { app: "xpra-proxy" } },
            },
          ],
          ports: [{ protocol: "TCP", port: 14500 }],
        },
      ],
      egress: [
        {
          to: [
            {
              namespaceSelector: {
                matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values: ["kube-system", "openshift-dns"] }],
              },
            },
            { ipBlock: { cidr: "169.254.0.0/16", except: ["169.254.169.254/32"] } },
          ],
          ports: [
            { protocol: "UDP", port: 53 },
            { protocol: "TCP", port: 53 },
            { protocol: "UDP", port: 5353 },
            { protocol: "TCP", port: 5353 },
          ],
        },
        {
          to: [
            {
              ipBlock: {
                cidr: "0.0.0.0/0",
                except: ["10.244.0.0/24", "10.96.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "169.254.0.0/16"],
              },
            },
            { ipBlock: { cidr: "::/0", except: ["fd00:10::/64", "fd00:ec2::254/128"] } },
          ],
        },
      ],
    });
    expect(proxies?.metadata.namespace).toBe("ingress-vdi-stp");
    expect(proxies?.spec).toEqual({ podSelector: {}, policyTypes: ["Ingress"], ingress: [{ ports: [{ protocol: "TCP", port: 8443 }] }] });
  });

  it("has a disruption budget from two replicas on", () => {
    expect(disruptionBudget(names, 1)).toEqual([]);
    expect(disruptionBudget(names, 2)[0]?.spec).toEqual({ maxUnavailable: 1, selector: { matchLabels: { app: "xpra-proxy" } } });
  });

  it("keeps every secret in the proxies' namespace", () => {
    const secrets = [
      ...certificateSecrets(names, "CRT", "KEY"),
      ticketSecret(names, "k"),
      usersSecret(names, { passwd: "p", shadow: "s", group: "g" }),
      environmentSecret(names, new Map([["XPRA_DB_PASSWORD", "geheim\n"]])),
    ];
    expect(secrets.map(({ metadata }) => [metadata.namespace, metadata.name])).toEqual([
      ["ingress-vdi-stp", "xpra-proxy-certs-crt"],
      ["ingress-vdi-stp", "xpra-proxy-certs-key"],
      ["ingress-vdi-stp", "xpra-proxy-ticket"],
      ["ingress-vdi-stp", "xpra-proxy-users"],
      ["ingress-vdi-stp", "xpra-proxy-env"],
    ]);
    expect(secrets[4]?.data).toEqual({ XPRA_DB_PASSWORD: Buffer.from("geheim\n").toString("base64") });
  });

  it("marks all that it makes", () => {
    expect(deploymentLabels(names)).toEqual(labels);
  });
});
