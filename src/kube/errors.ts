import { ExitCode } from "../util/exit-code.ts";
import { type ErrorWords, VdiError } from "../util/vdi-error.ts";
import { KubeError } from "./kube-error.ts";

/** The words for a failed call of the API; `what` says what was being done ("the objects could not be applied"). Pure. */
export function wordsOfKubeError(error: KubeError, what: string): ErrorWords {
  const why = whyOf(error);
  switch (error.reason) {
    case "Unreachable":
      return {
        what,
        why: `the cluster does not answer (${why})`,
        try: [
          "kubectl cluster-info, with the same kubeconfig and context",
          "--context NAME or --kubeconfig FILE for another cluster",
          "if it answers kubectl by HTTPS_PROXY only: proxy-url of the cluster in the kubeconfig, for vdi goes by that",
        ],
        exitCode: ExitCode.unreachable,
      };
    case "Certificate":
      return {
        what,
        why: `the cluster's certificate is not accepted (${why})`,
        try: "check certificate-authority-data and the server's name in the kubeconfig",
        exitCode: ExitCode.unreachable,
      };
    case "Unauthorized":
      return {
        what,
        why: "the cluster does not know these credentials",
        try: "sign in to the cluster again, then: kubectl auth whoami",
        exitCode: ExitCode.unreachable,
      };
    case "Forbidden":
      if (isPolicyRefusal(error)) return { what, why };
      if (/exceeded quota/.test(error.message))
        return { what, why, try: "raise the namespace's ResourceQuota, or lower what is asked for" };
      return { what, why, try: "ask whoever administers the cluster for this permission", exitCode: ExitCode.unreachable };
    case "TimedOut":
    case "Timeout":
      return {
        what,
        why: `the cluster is slow to answer (${why})`,
        try: "try again; kubectl get --raw /readyz?verbose shows what is wrong",
        exitCode: ExitCode.timedOut,
      };
    case "TooManyRequests":
    case "ServiceUnavailable":
      return { what, why: `the cluster is overloaded or starting (${why})`, try: "try again in a minute", exitCode: ExitCode.unreachable };
    default:
      return { what, why };
  }
}

/** A `VdiError` for a failed call of the API; anything else is given back as it is. */
export function explainKubeError(thrown: unknown, what: string): unknown {
  return thrown instanceof KubeError ? new VdiError({ ...wordsOfKubeError(thrown, what), cause: thrown }) : thrown;
}

function isPolicyRefusal(error: KubeError): boolean {
  return /violates PodSecurity|admission webhook|ValidatingAdmissionPolicy/.test(error.message);
}

function whyOf(error: KubeError): string {
  const missing = error.causes.filter(({ message }) => !error.message.includes(message));
  return [error.message, ...missing.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`))].join("\n");
}
