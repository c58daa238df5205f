import { KubeError } from "../kube/transport.ts";
import type { Reason } from "../session/reasons.ts";
import { SessionRefusal } from "../session/refusal.ts";

/** What the API server says when it takes a pod from nobody, whoever asks; the first line that fits wins. */
const sayings: readonly (readonly [RegExp, Reason])[] = [
  [/exceeded quota/, "no-room"],
  [/because it is being terminated/, "no-namespace"],
  [/violates PodSecurity|ValidatingAdmissionPolicy|admission webhook|failed calling webhook/, "policy"],
  // A quota or a limit range that wants something of every pod, a service account that is not there.
  [/failed quota|usage per (?:Pod|Container)|error looking up service account|no PriorityClass/, "not-accepted"],
];

const byStatus: Readonly<Record<number, Reason>> = {
  0: "away",
  401: "forbidden",
  403: "forbidden",
  404: "no-namespace",
  429: "away",
  500: "away",
  503: "away",
  504: "away",
};

/** A refusal for a request about a session's pod that the cluster did not take; its own words are for the admin. Anything else than a `KubeError` is given back. */
export function createRefusal(thrown: unknown, secret: string): unknown {
  if (!(thrown instanceof KubeError)) return thrown;
  const { method, path, status, message } = thrown;
  // The API server quotes what it does not accept.
  const detail = `${method} ${path}: ${status} ${thrown.reason}: ${message}`.replaceAll(secret, "(secret)");
  return new SessionRefusal(sayings.find(([words]) => words.test(message))?.[1] ?? byStatus[status] ?? "not-accepted", { detail });
}
