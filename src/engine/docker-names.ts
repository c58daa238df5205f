import { createHash, randomBytes } from "node:crypto";

/** Labels of everything that a deployment has on an engine. They are the only state. */
export const dockerLabels = {
  deployment: "vdi.xpra.org/deployment",
  component: "vdi.xpra.org/component",
  session: "vdi.xpra.org/session",
  parts: "vdi.xpra.org/parts",
  owner: "vdi.xpra.org/owner",
  uid: "vdi.xpra.org/uid",
  type: "vdi.xpra.org/type",
  display: "vdi.xpra.org/display",
} as const;

/** What an object of a deployment is for. */
export type Component = "proxy" | "broker" | "files" | "session" | "home" | "config" | "front" | "identity" | "socket";

/** The two labels that say whose an object is and what for. */
export function deploymentLabelsOf(namespace: string, component: Component): Record<string, string> {
  return { [dockerLabels.deployment]: namespace, [dockerLabels.component]: component };
}

/** Labels to list the objects of a deployment by, all of them or those of one component, as the engine takes them. */
export function ourLabels(namespace: string, component?: Component): string[] {
  const ours = [`${dockerLabels.deployment}=${namespace}`];
  return component === undefined ? ours : [...ours, `${dockerLabels.component}=${component}`];
}

/** Name of a session's container, or of the network of its parts. */
export function sessionObject(namespace: string, name: string): string {
  return `vdi-${namespace}-s-${name}`;
}

/**
 * A name for the parts of one container of a session, its network and its files, that no other container has or had: whoever is late in
 * clearing up after one takes nothing from the next.
 */
export function newParts(session: string): string {
  return `${session}--${randomBytes(6).toString("hex")}`;
}

/** Name of the network of the session's container with these labels. */
export function networkOf(labels: Readonly<Record<string, string>>): string {
  return sessionObject(labels[dockerLabels.deployment] ?? "", partsOf(labels));
}

/** The name of the parts of a container with these labels; one made before there was such a label has parts of its session's name. */
export function partsOf(labels: Readonly<Record<string, string>>): string {
  return labels[dockerLabels.parts] ?? labels[dockerLabels.session] ?? "";
}

/** Ends the name of a session's container whose end has been asked for: whatever else forgets it, the engine does not. */
const endingMark = "--ending-";
const endingPattern = new RegExp(`${endingMark}[0-9a-f]{12}$`);

/** The name that the container of a session takes when it is to end; its own one becomes free. */
export function endingName(namespace: string, session: string, id: string): string {
  return `${sessionObject(namespace, session)}${endingMark}${id.slice(0, 12)}`;
}

/** Whether the end of the container of this name has been asked for. */
export function isEndingName(name: string): boolean {
  return endingPattern.test(name);
}

/** The volume of a directory below `topdirInt`. */
export function directoryVolumeName(namespace: string, directory: string): string {
  return `vdi-${namespace}-${directory}`;
}

/** The volume of sessions' passwd and group files. */
export function identityVolumeName(namespace: string): string {
  return `vdi-${namespace}-identity`;
}

/** The volume of a user's home directory; a name that a volume cannot have is hashed, and no two users share one. */
export function homeVolumeName(namespace: string, user: string): string {
  const isPlain = /^[a-z0-9][a-z0-9_.-]*$/.test(user) && user.length <= 64 && !user.includes("--");
  if (isPlain) return `vdi-${namespace}-home-${user}`;
  const readable = user
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40);
  return `vdi-${namespace}-home-${readable}--${createHash("sha256").update(user, "utf8").digest("hex").slice(0, 12)}`;
}
