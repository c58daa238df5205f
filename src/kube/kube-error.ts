/** What is known of a call that failed. */
export interface KubeErrorFacts {
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The API server's reason (`NotFound`, `AlreadyExists`, `Forbidden`...) or ours (`Unreachable`, `TimedOut`, `Certificate`, `InvalidAnswer`). */
  readonly reason: string;
  readonly message: string;
  readonly request: { readonly method?: string; readonly path: string };
  /** The fields that the API server did not accept. */
  readonly causes?: readonly { readonly field: string; readonly message: string }[];
  /** What the API server asks us to wait before the next try. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A call of the Kubernetes API that failed, whether the server refused it or did not answer. `errors.ts` has the words for people. */
export class KubeError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly method: string;
  /** Path of the API, without query. */
  readonly path: string;
  readonly causes: readonly { readonly field: string; readonly message: string }[];
  readonly retryAfterMs: number | undefined;

  constructor(facts: KubeErrorFacts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "KubeError";
    this.status = facts.status;
    this.reason = facts.reason;
    this.method = facts.request.method ?? "GET";
    this.path = facts.request.path;
    this.causes = facts.causes ?? [];
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** True for a `KubeError` with this HTTP status. */
export function isKubeStatus(thrown: unknown, status: number): thrown is KubeError {
  return thrown instanceof KubeError && thrown.status === status;
}

/**
 * True when asking again is of no use: the right is missing, or the credentials are nobody's. A 401 after answers is none:
 * it may come of a token that is renewed in a moment.
 */
export function isRefusal(thrown: unknown, wasAnswered: boolean): thrown is KubeError {
  return isKubeStatus(thrown, 403) || (!wasAnswered && isKubeStatus(thrown, 401));
}

const reasons: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  410: "Expired",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

/** The reason for a status that came without one. */
export function reasonOfStatus(status: number): string {
  return reasons[status] ?? "Unexpected";
}

/** `Certificate` when the server's certificate was not accepted or ours was refused, else `Unreachable`. */
export function reasonOfNetworkFault(thrown: unknown): "Certificate" | "Unreachable" {
  const code = String((thrown as { code?: unknown } | null)?.code ?? "");
  return /CERT|SIGNATURE|TLS|SSL|ISSUER/.test(code) ? "Certificate" : "Unreachable";
}
