import { KubeError } from "../kube/transport.ts";
import type { Reason } from "../session/reasons.ts";
import { SessionRefusal } from "../session/refusal.ts";

/** What the API server says when it takes a pod from nobody, whoever asks; the first line that fits wins. */
const sayings: readonly (readonly [RegExp, Reason])[] = [
  [/exceeded quota/, "no-room"],
  [/because it is being terminated/, "no-namespace"],
  // Of an API server that is starting, and of a quota that has just been made.
  [/not yet ready to handle request|status unknown for quota/, "away"],
  [/violates PodSecurity|ValidatingAdmissionPolicy|admission webhook|failed calling webhook/, "policy"],
  // A quota or a limit range that wants something of every pod, a service account that is not there.
  [/failed quota|usage per (?:Pod|Container)|error looking up service account|no PriorityClass/, "not-accepted"],
];

/** What an answer of the API server to a request about a pod comes to. `away`: it passes by itself. */
export function reasonOf({ status, message }: KubeError): Reason {
  const said = sayings.find(([words]) => words.test(message));
  if (said !== undefined) return said[1];
  // 409: a quota's count that too many wanted to write at once. From 500 on also what stands between, such as a load balancer.
  if (status === 0 || status === 409 || status === 429 || status >= 500) return "away";
  if (status === 401 || status === 403) return "forbidden";
  return status === 404 ? "no-namespace" : "not-accepted";
}

/** A refusal for a request about a session's pod that the cluster did not take; its own words are for the admin. Anything else than a `KubeError` is given back. */
export function createRefusal(thrown: unknown, secret: string): unknown {
  if (!(thrown instanceof KubeError)) return thrown;
  const { method, path, status, message } = thrown;
  // The API server quotes what it does not accept.
  const detail = `${method} ${path}: ${status} ${thrown.reason}: ${message}`.replaceAll(secret, "(secret)");
  return new SessionRefusal(reasonOf(thrown), { detail });
}
