import type { ValueType } from "./value-types.ts";

/** The chapters of the documentation and of a fresh `vdi.env`, in their order. */
export const sections = {
  site: "The site",
  proxy: "The proxies",
  session: "Sessions",
  images: "Images",
  files: "Files and directories",
  users: "Users and signing in",
  local: "One machine (`vdi local`)",
  old: "Known from older scripts",
} as const;

/** One variable of the configuration. */
export interface Variable {
  readonly name: string;
  readonly section: keyof typeof sections;
  readonly type: ValueType;
  /** The value when nobody gives one; `${NAME}` stands for another variable's value. `CHANGEME`: the admin has to decide. */
  readonly default: string;
  /** Sentences for the admin. */
  readonly meaning: string;
  /** Never in a file of the pods, never shown. */
  readonly secret?: boolean;
  /** The parts that use it, in the admin's words: `deploy`, `build-images`, `proxy`, `session`, `page`, `vdi local`. */
  readonly usedBy: readonly string[];
  /** Belongs into a fresh `vdi.env` (as a comment, or as CHANGEME). */
  readonly main?: boolean;
  /** Read and checked, but nothing of this version uses it. */
  readonly later?: boolean;
  /** Why the variable of an old script does nothing any more. */
  readonly dropped?: string;
}

/** The value that an admin has to replace. */
export const changeMe = "CHANGEME";

/** What `${...}` may name besides variables: the deployment directory's path, and its last part. */
export const directoryReference = "VDI_DIRECTORY";
export const directoryNameReference = "VDI_DIRECTORY_NAME";

/** `${NAME}`, for a default that stands on another variable. */
export function of(name: string): string {
  return `\${${name}}`;
}
