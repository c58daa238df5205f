import type { V1Secret } from "@kubernetes/client-node";
import { type DeploymentNames, deploymentLabels } from "./deployment-names.ts";
import type { KubeObject } from "./kube-object.ts";

type Secret = V1Secret & KubeObject;

/** The users that the proxies know, as the contents of passwd, shadow and group. */
export interface UserFiles {
  readonly passwd: string;
  readonly shadow: string;
  readonly group: string;
}

/** Names of a deployment's Secrets; all of them are in the proxies' namespace. */
export function secretNames(
  names: Pick<DeploymentNames, "deployName">,
): Readonly<Record<"certificate" | "key" | "ticket" | "users" | "environment", string>> {
  return {
    certificate: `${names.deployName}-certs-crt`,
    key: `${names.deployName}-certs-key`,
    ticket: `${names.deployName}-ticket`,
    users: `${names.deployName}-users`,
    environment: `${names.deployName}-env`,
  };
}

/** Certificate and key of the proxies, as PEM. */
export function certificateSecrets(names: DeploymentNames, certificate: string, key: string): readonly Secret[] {
  const { certificate: crtName, key: keyName } = secretNames(names);
  return [secret(names, crtName, { "server.crt": certificate }), secret(names, keyName, { "server.key": key })];
}

/** The key with which the proxies sign tickets. */
export function ticketSecret(names: DeploymentNames, key: string): Secret {
  return secret(names, secretNames(names).ticket, { key });
}

/** The users that the proxies know; running proxies see a change of it. */
export function usersSecret(names: DeploymentNames, users: UserFiles): Secret {
  return secret(names, secretNames(names).users, { passwd: users.passwd, shadow: users.shadow, group: users.group });
}

/** The admin's own variables with a secret value, for the proxies' environment. */
export function environmentSecret(names: DeploymentNames, variables: ReadonlyMap<string, string>): Secret {
  return secret(names, secretNames(names).environment, Object.fromEntries(variables));
}

/** The values of a Secret as texts. Pure. */
export function textsOf({ data = {} }: Pick<V1Secret, "data">): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]));
}

function secret(names: DeploymentNames, name: string, texts: Readonly<Record<string, string>>): Secret {
  const data: Record<string, string> = {};
  for (const [key, text] of Object.entries(texts)) data[key] = Buffer.from(text, "utf8").toString("base64");
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: names.ingressNamespace, labels: deploymentLabels(names) },
    type: "Opaque",
    data,
  };
}
