import type { Input, OptionSpec } from "./command.ts";

/** The option that chooses the deployment directory. */
export const directoryOption: OptionSpec = {
  name: "dir",
  type: "string",
  value: "DIR",
  description: "deployment directory (default: the nearest parent with deploy/vdi.env, else ./NAMESPACE)",
  completes: "directories",
};

/** The option that names the session namespace. */
export const namespaceOption: OptionSpec = {
  name: "namespace",
  short: "n",
  type: "string",
  value: "NAME",
  description: "session namespace; the proxies are in ingress-NAME",
  completes: "namespaces",
};

/** The options that choose a cluster, as kubectl has them. */
export const clusterOptions: readonly OptionSpec[] = [
  {
    name: "kubeconfig",
    type: "string",
    value: "FILE",
    description: "kubeconfig file (default: $KUBECONFIG, else ~/.kube/config)",
    completes: "files",
  },
  { name: "context", type: "string", value: "NAME", description: "context of the kubeconfig", completes: "contexts" },
];

/** The option that limits a wait. */
export const timeoutOption: OptionSpec = {
  name: "timeout",
  type: "number",
  value: "SECONDS",
  description: "how long to wait for the rollout",
  default: 300,
};

/** The option that leaves out what is too long ago. */
export function sinceOption(description: string): OptionSpec {
  return { name: "since", type: "string", value: "DURATION", description };
}

/** The text that was given for an option, or undefined. */
export function textOf(input: Input, name: string): string | undefined {
  const value = input[name];
  return typeof value === "string" ? value : undefined;
}

/** The number that was given for an option, or undefined. */
export function numberOf(input: Input, name: string): number | undefined {
  const value = input[name];
  return typeof value === "number" ? value : undefined;
}

/** True when the flag was given. */
export function flagOf(input: Input, name: string): boolean {
  return input[name] === true;
}

/** The values of a repeatable option or a variadic argument; empty when none was given. */
export function listOf(input: Input, name: string): readonly string[] {
  const value = input[name];
  return Array.isArray(value) ? (value as readonly string[]) : [];
}
