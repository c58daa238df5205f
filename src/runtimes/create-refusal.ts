import { KubeError } from "../kube/transport.ts";
import { RefusalCode, SessionRefusal } from "../session/refusal.ts";

/** What a user is told when the cluster does not take a session's pod; the cluster's own words are the admin's. Anything else than a `KubeError` is given back. */
export function createRefusal(thrown: unknown, secret: string): unknown {
  if (!(thrown instanceof KubeError)) return thrown;
  // The API server quotes what it does not accept.
  const detail = `${thrown.method} ${thrown.path}: ${thrown.status} ${thrown.reason}: ${thrown.message}`.replaceAll(secret, "(secret)");
  const refuse = (code: RefusalCode, reason: string, message: string): SessionRefusal => new SessionRefusal(code, reason, message, detail);
  if (/exceeded quota/.test(thrown.message)) {
    return refuse(
      RefusalCode.failed,
      "no-room",
      "No more sessions can be started at the moment: the limit of this installation is reached. Please try again later.",
    );
  }
  switch (thrown.status) {
    case 0:
    case 429:
    case 500:
    case 503:
    case 504:
      return refuse(RefusalCode.failed, "away", "The cluster does not answer at the moment. Please try again in a minute.");
    case 401:
    case 403:
      return refuse(RefusalCode.notConfigured, "forbidden", "Sessions may not be started here. Please tell your administrator.");
    case 404:
      return refuse(RefusalCode.notConfigured, "no-namespace", "There is no place for sessions here. Please tell your administrator.");
    default:
      return refuse(
        RefusalCode.notConfigured,
        "not-accepted",
        "The session cannot be started as it is configured. Please tell your administrator.",
      );
  }
}
