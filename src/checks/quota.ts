import type { V1ResourceQuota } from "@kubernetes/client-node";
import type { SessionResources } from "../session/session-settings.ts";
import { amountOf } from "../util/quantity.ts";
import type { SessionNeeds } from "./nodes.ts";

/** What the scheduler counts for a session. A limit without a request is a request as well. */
export function needsOfSession(resources: SessionResources): SessionNeeds {
  const of = (request: string | undefined, limit: string | undefined): number => amountOf(given(request) ?? given(limit) ?? "0");
  return {
    cpu: of(resources.cpuRequest, resources.cpuLimit),
    memory: of(resources.memoryRequest, resources.memoryLimit),
  };
}

/** How many more sessions each of a quota's limits lets in; those that do not concern sessions are left out. Pure. */
export function quotaRoom(
  quota: V1ResourceQuota,
  resources: SessionResources,
): readonly { readonly sessions: number; readonly text: string }[] {
  const needs = needsOfSession(resources);
  const perSession: Readonly<Record<string, number>> = {
    pods: 1,
    "count/pods": 1,
    cpu: needs.cpu,
    "requests.cpu": needs.cpu,
    memory: needs.memory,
    "requests.memory": needs.memory,
    "limits.cpu": amountOf(given(resources.cpuLimit) ?? "0"),
    "limits.memory": amountOf(given(resources.memoryLimit) ?? "0"),
    "requests.ephemeral-storage": amountOf(given(resources.ephemeralLimit) ?? "0"),
    "limits.ephemeral-storage": amountOf(given(resources.ephemeralLimit) ?? "0"),
  };
  const { hard = {}, used = {} } = quota.status ?? {};
  // Until its controller has looked at it, a quota says only what it should be.
  return Object.entries({ ...quota.spec?.hard, ...hard }).flatMap(([name, most]) => {
    const need = perSession[name] ?? 0;
    if (need === 0) return [];
    const sessions = Math.max(0, Math.floor((amountOf(most) - amountOf(used[name] ?? "0")) / need + 1e-9));
    return [
      {
        sessions,
        text: `resourcequota/${quota.metadata?.name ?? ""}: ${used[name] ?? "0"} of ${most} ${name} are used, room for ${sessions} more`,
      },
    ];
  });
}

function given(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}
