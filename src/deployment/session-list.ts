import type { V1Pod } from "@kubernetes/client-node";
import { explainKubeError } from "../kube/errors.ts";
import { isKubeStatus } from "../kube/kube-error.ts";
import { hasEnded } from "../kube/ready.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { sessionKeys, sessionSelector } from "../manifests/labels.ts";
import { podFacts, podView } from "../runtimes/pod-state.ts";
import type { Reason } from "../session/reasons.ts";
import type { SessionState } from "../session/session-state.ts";

/** A user's session, as its pod shows it. */
export interface SessionRow {
  readonly name: string;
  readonly user: string;
  readonly type: string;
  readonly state: "starting" | "running" | "ending" | "ended" | "failed";
  /** Why it is not running, in the cluster's words. */
  readonly reason?: string;
  /** The same for programs and for `vdi`'s own words, where something is wrong with it. */
  readonly why?: Reason;
  readonly node?: string;
  readonly address?: string;
  readonly image: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly uid: string;
}

/** All sessions of a namespace, by user and name. */
export async function listSessions(transport: KubeTransport, namespace: string, signal?: AbortSignal): Promise<readonly SessionRow[]> {
  const rows: SessionRow[] = [];
  let next: string | undefined;
  try {
    do {
      const page: PodList = await transport.json<PodList>({
        path: kubePath("api", "v1", "namespaces", namespace, "pods"),
        query: { labelSelector: sessionSelector, limit: 500, continue: next },
        signal,
      });
      rows.push(...(page.items ?? []).map((pod) => sessionRow(pod)));
      next = page.metadata?.continue;
    } while (next !== undefined && next !== "");
  } catch (thrown) {
    throw explainKubeError(thrown, `the sessions of ${namespace} cannot be listed`);
  }
  return rows.sort((a, b) => (`${a.user}\0${a.name}` < `${b.user}\0${b.name}` ? -1 : 1));
}

interface PodList {
  readonly items?: readonly V1Pod[];
  readonly metadata?: { readonly continue?: string };
}

/** What a session's pod says. Pure. */
export function sessionRow(pod: V1Pod, nowMs: number = Date.now()): SessionRow {
  const { metadata, spec, status } = pod;
  const annotations = metadata?.annotations ?? {};
  const reason = reasonOf(pod);
  const why = whyOf(podView(podFacts(pod), {}, nowMs).status);
  return {
    name: metadata?.name ?? "",
    user: annotations[sessionKeys.owner] ?? "",
    type: annotations[sessionKeys.display] ?? annotations[sessionKeys.type] ?? "",
    state: stateOf(pod),
    ...(reason === undefined ? {} : { reason }),
    ...(why === undefined ? {} : { why }),
    ...(spec?.nodeName === undefined ? {} : { node: spec.nodeName }),
    ...(status?.podIP === undefined ? {} : { address: status.podIP }),
    image: spec?.containers[0]?.image ?? "",
    startedAt: String(metadata?.creationTimestamp ?? ""),
    uid: metadata?.uid ?? "",
  };
}

function stateOf({ metadata, status }: V1Pod): SessionRow["state"] {
  if (status?.phase === "Succeeded") return "ended";
  if (status?.phase === "Failed") return "failed";
  if (metadata?.deletionTimestamp !== undefined) return "ending";
  return status?.phase === "Running" && status.containerStatuses?.[0]?.state?.running !== undefined ? "running" : "starting";
}

/** An end without an error is nothing that is wrong. */
function whyOf(status: SessionState): Reason | undefined {
  switch (status.state) {
    case "starting":
      return status.trouble?.reason;
    case "ending":
      return status.overdue ? "stuck" : undefined;
    case "failed":
      return status.reason === "ended" ? undefined : status.reason;
    default:
      return undefined;
  }
}

function reasonOf(pod: V1Pod): string | undefined {
  const { status } = pod;
  const { waiting, terminated } = status?.containerStatuses?.[0]?.state ?? {};
  if (hasEnded(pod)) return status?.message ?? status?.reason ?? terminated?.reason;
  const unscheduled = status?.conditions?.find(({ type, status: is }) => type === "PodScheduled" && is === "False");
  return unscheduled?.message ?? waiting?.message ?? waiting?.reason;
}

/** Ends this instance of a session and no other; false when it was gone already. */
export async function stopSession(
  transport: KubeTransport,
  namespace: string,
  session: Pick<SessionRow, "name" | "uid">,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    await transport.request({
      method: "DELETE",
      path: kubePath("api", "v1", "namespaces", namespace, "pods", session.name),
      body: { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid: session.uid } },
      signal,
    });
    return true;
  } catch (thrown) {
    // 409: it is another instance by now, begun after the list.
    if (isKubeStatus(thrown, 404) || isKubeStatus(thrown, 409)) return false;
    throw explainKubeError(thrown, `the session ${session.name} could not be ended`);
  }
}
