import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Demo } from "../../start/demo.ts";
import { type Api, apiAs } from "../support/api.ts";
import { testDemo } from "../support/demo.ts";
import { kubectlFor } from "../support/kubectl.ts";
import { allowed, type Question, questions, resources, rules, words } from "./rights.ts";

// What the API server lets the broker do, asked with its own kind of token, for everything that there is.
let demo: Demo;
let broker: Api;
let session: Api;
let everything: readonly Question[];

beforeAll(async () => {
  demo = await testDemo();
  const kubectl = kubectlFor(demo.kubeconfig);
  broker = await apiAs(kubectl, { namespace: `ingress-${demo.namespace}`, name: "xpra-proxy-broker" });
  // No pod has a token of this account. It shows what everybody gets who is somebody.
  session = await apiAs(kubectl, { namespace: demo.namespace, name: "vdi-session" });
  const namespaces = [demo.namespace, `ingress-${demo.namespace}`, "kube-system", "default"];
  everything = [...questions(await resources(broker), namespaces), ...paths()];
}, 2_400_000);

afterAll(() => {
  broker?.close();
  session?.close();
});

function paths(): readonly Question[] {
  const known = ["/", "/api", "/apis", "/healthz", "/livez", "/readyz", "/version", "/metrics", "/logs", "/debug/pprof/", "/openapi/v3"];
  const more = ["/.well-known/openid-configuration", "/openid/v1/jwks", "/configz", "/flagz", "/statusz", "/swagger.json", "/*"];
  return [...known, ...more].flatMap((path) => ["get", "post", "put", "delete", "*"].map((verb) => ({ verb, path })));
}

/** The eight rights, and no other. */
function eightRights(): readonly string[] {
  return [
    ...["create", "delete", "get", "list", "watch"].map((verb) => `${verb} pods in ${demo.namespace}`),
    `get pods/log in ${demo.namespace}`,
    ...["list", "watch"].map((verb) => `${verb} events in ${demo.namespace}`),
  ].sort();
}

/** What Kubernetes gives to everybody who has a name: discovery, and questions about oneself. */
const everybodys = [
  "create selfsubjectaccessreviews.authorization.k8s.io",
  "create selfsubjectreviews.authentication.k8s.io",
  "create selfsubjectrulesreviews.authorization.k8s.io",
  ...["/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"].map((path) => `get ${path}`),
  // Of every service account: who signs the tokens.
  "get /.well-known/openid-configuration",
  "get /openid/v1/jwks",
].sort();

describe("the broker", () => {
  it("has eight rights in the sessions' namespace, and nothing else anywhere", async () => {
    expect(everything.length).toBeGreaterThan(3_000);
    const started = performance.now();
    const ofBroker = await allowed(broker, everything);
    const ofSession = await allowed(
      session,
      everything.filter((question) => ofBroker.includes(words(question))),
    );
    process.stderr.write(`${everything.length} questions in ${Math.round((performance.now() - started) / 1000)} s\n`);
    expect(ofBroker.filter((right) => !ofSession.includes(right)).sort(), "more than everybody").toEqual(eightRights());
    // Another cluster may give everybody more, as OpenShift does.
    if (process.env["VDI_E2E_CONTEXT"] === undefined) expect(ofSession, "what everybody has").toEqual(everybodys);
  });

  it("has no other rule by the API server's own list of them either", async () => {
    const more = (all: readonly string[], less: readonly string[]) => all.filter((line) => !less.includes(line));
    const own = eightRights().map((right) => right.replace(` in ${demo.namespace}`, ""));
    expect(more(await rules(broker, demo.namespace), await rules(session, demo.namespace))).toEqual(own);
    for (const namespace of [`ingress-${demo.namespace}`, "kube-system", "default"])
      expect(more(await rules(broker, namespace), await rules(session, namespace)), namespace).toEqual([]);
  });
});

describe("the API server", () => {
  it("refuses the broker in words what it has no right to", async () => {
    const pods = `/api/v1/namespaces/${demo.namespace}/pods`;
    const refused: readonly [string, string, object | undefined, string][] = [
      ["GET", `/api/v1/namespaces/${demo.namespace}/secrets`, undefined, 'cannot list resource "secrets"'],
      ["GET", `/api/v1/namespaces/ingress-${demo.namespace}/secrets`, undefined, 'cannot list resource "secrets"'],
      ["GET", "/api/v1/pods", undefined, 'cannot list resource "pods" in API group "" at the cluster scope'],
      ["POST", `/api/v1/namespaces/ingress-${demo.namespace}/pods`, {}, 'cannot create resource "pods"'],
      ["POST", "/api/v1/namespaces/kube-system/pods", {}, 'cannot create resource "pods"'],
      ["PATCH", `${pods}/x`, {}, 'cannot patch resource "pods"'],
      ["PATCH", `${pods}/x/ephemeralcontainers`, {}, 'cannot patch resource "pods/ephemeralcontainers"'],
      ["POST", `${pods}/x/exec?command=id`, undefined, 'cannot create resource "pods/exec"'],
      ["GET", `${pods}/x/exec?command=id`, undefined, 'cannot get resource "pods/exec"'],
      ["POST", `${pods}/x/portforward`, undefined, 'cannot create resource "pods/portforward"'],
      ["POST", `${pods}/x/binding`, {}, 'cannot create resource "pods/binding"'],
      ["DELETE", pods, undefined, 'cannot deletecollection resource "pods"'],
      [
        "POST",
        `/api/v1/namespaces/${demo.namespace}/serviceaccounts/vdi-session/token`,
        {},
        'cannot create resource "serviceaccounts/token"',
      ],
      ["GET", "/api/v1/nodes", undefined, 'cannot list resource "nodes"'],
    ];
    for (const [method, path, body, why] of refused) {
      const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
      const answer = await broker.ask(method, path, body, type);
      expect(answer, `${method} ${path}`).toMatchObject({ status: 403, body: { message: expect.stringContaining(why) } });
    }
  });
});
