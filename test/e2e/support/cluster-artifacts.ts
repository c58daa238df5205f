import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { V1Pod } from "@kubernetes/client-node";
import { isSessionPod } from "../../../src/manifests/labels.ts";
import { secretVariable } from "../../../src/session/session-settings.ts";
import type { Demo } from "../../start/demo.ts";
import { type ArtifactSource, type Artifacts, within } from "./artifacts.ts";
import { type Kubectl, kubectlFor } from "./kubectl.ts";

/** How much of a log is kept. */
const lines = "--tail=3000";

const insideDeadlineMs = 25_000;
/** The programs of a session, and what has come from its client: whether a click was lost on the way or by a program. */
const insideSession = `ps -eo pid,ppid,etimes,stat,args --forest
timeout 15 xpra info | grep -E '^client\\.[0-9]+\\.(connection\\.input\\.count|window\\.[0-9]+\\.(mapped-at|dimensions))'`;

/**
 * Both namespaces of a deployment: pods as they are described, their logs (of the container before, too), the events, and what runs in
 * the sessions.
 */
export function clusterArtifacts(demo: Pick<Demo, "namespace" | "kubeconfig" | "password" | "directory">): ArtifactSource {
  const kubectl = kubectlFor(demo.kubeconfig);
  const namespaces = [demo.namespace, `ingress-${demo.namespace}`];
  return {
    name: "cluster",
    async collect() {
      return Object.assign({}, ...(await Promise.all(namespaces.map((namespace) => namespaceArtifacts(kubectl, namespace)))));
    },
    async secrets() {
      const pods = (await Promise.all(namespaces.map((namespace) => kubectl.pods(namespace)))).flat();
      const ticketKey = join(demo.directory, "protected", "ticket.key");
      return [demo.password, ...pods.flatMap(sessionPasswords), ...readIfThere(ticketKey)];
    },
  };
}

async function namespaceArtifacts(kubectl: Kubectl, namespace: string): Promise<Artifacts> {
  const say = (...args: string[]): Promise<string> => kubectl.run(...args, "-n", namespace).catch(String);
  const pods = await kubectl.pods(namespace);
  const logs = pods.flatMap((pod) =>
    (pod.status?.containerStatuses ?? []).flatMap(({ name, restartCount }) => {
      const of = [pod.metadata?.name ?? "", "-c", name, lines, "--timestamps"];
      const file = `${namespace}/${pod.metadata?.name}.${name}`;
      return [
        { file: `${file}.log`, text: say("logs", ...of) },
        ...(restartCount > 0 ? [{ file: `${file}.previous.log`, text: say("logs", "--previous", ...of) }] : []),
      ];
    }),
  );
  const sessions = pods.filter(isSessionPod).map(({ metadata }) => ({
    file: `${namespace}/${metadata?.name}.inside.txt`,
    text: inside(kubectl, namespace, metadata?.name ?? ""),
  }));
  const lists = [
    { file: `${namespace}/pods.txt`, text: say("get", "pods", "-o", "wide") },
    { file: `${namespace}/describe.txt`, text: say("describe", "pods") },
    { file: `${namespace}/events.txt`, text: say("get", "events", "--sort-by=.lastTimestamp") },
  ];
  return Object.fromEntries(await Promise.all([...lists, ...logs, ...sessions].map(async ({ file, text }) => [file, await text] as const)));
}

/** What runs in a session; in one that hangs, that nothing could be had. */
async function inside(kubectl: Kubectl, namespace: string, pod: string): Promise<string> {
  const asked = kubectl.shell(namespace, pod, "session", insideSession).then(({ output }) => output);
  return within(asked, pod, insideDeadlineMs).catch(String);
}

function sessionPasswords(pod: V1Pod): readonly string[] {
  const variables = (pod.spec?.containers ?? []).flatMap(({ env }) => env ?? []);
  return variables.flatMap(({ name, value }) => (name === secretVariable && value !== undefined ? [value] : []));
}

function readIfThere(file: string): readonly string[] {
  try {
    return [readFileSync(file, "utf8").trim()];
  } catch {
    return [];
  }
}
