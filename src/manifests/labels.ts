import type { V1Pod } from "@kubernetes/client-node";
import { hashedName } from "../session/session-name.ts";

/** Longest value of a label. */
const maxLabelValue = 63;

/** Labels and annotations of session pods. */
export const sessionKeys = {
  type: "vdi.xpra.org/type",
  owner: "vdi.xpra.org/owner",
  display: "vdi.xpra.org/display",
  passwd: "vdi.xpra.org/passwd",
  group: "vdi.xpra.org/group",
} as const;

/** The label selector of all session pods. */
export const sessionSelector = "app.kubernetes.io/name=vdi-session,app.kubernetes.io/managed-by=vdi";

/** Whether a pod has the labels that `sessionSelector` asks for. */
export function isSessionPod({ metadata }: V1Pod): boolean {
  const { labels } = metadata ?? {};
  return labels?.["app.kubernetes.io/name"] === "vdi-session" && labels["app.kubernetes.io/managed-by"] === "vdi";
}

/** The labels of a session pod. */
export function sessionLabels(namespace: string, type: string): Record<string, string> {
  return {
    "app.kubernetes.io/name": "vdi-session",
    "app.kubernetes.io/managed-by": "vdi",
    "app.kubernetes.io/part-of": namespace,
    [sessionKeys.type]: labelValue(type),
  };
}

/** A label value for any text: the text itself where it may be one, else a readable form with a hash. */
export function labelValue(text: string): string {
  const fits = text.length <= maxLabelValue && /^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/.test(text) && !text.includes("--");
  return fits ? text : hashedName(text, text);
}
