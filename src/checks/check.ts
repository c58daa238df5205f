/** The groups of checks, in the order in which they are shown. */
export const categories = {
  machine: "this machine",
  directory: "the deployment directory",
  cluster: "the cluster",
  images: "images",
  place: "the place on the cluster",
  deployment: "the deployment",
  doors: "the doors",
  rights: "who may do what",
  sessions: "sessions",
} as const;

/** Key of a group of checks. */
export type Category = keyof typeof categories;

/** What one check found. */
export type Finding =
  /** It holds. `detail` says with which value: "Kubernetes v1.34.4". */
  | { readonly status: "ok"; readonly detail?: string | undefined }
  /** Something to look at, or something that is wrong. */
  | {
      readonly status: "warning" | "failed";
      /** What was found and why that matters, a line each. */
      readonly problems: readonly string[];
      /** What to try in this case; default: the check's hint. */
      readonly try?: readonly string[] | undefined;
    }
  /** It could not be looked at, or there is nothing to look at. */
  | { readonly status: "skipped"; readonly why: string };

/** What a running check has besides its world. */
export interface Probe {
  /** Aborted when the check's time is over or the user has had enough. */
  readonly signal: AbortSignal;
  /** Notes what is being waited for, for the words on time-out. */
  saw(what: string): void;
}

/** Something that has to hold, as data. The runner and the documentation know checks only by these fields. */
export interface Check<World> {
  /** Anchor of its chapter in doc/checks.md. */
  readonly id: string;
  readonly category: Category;
  /** What holds when all is well, as a statement: "the cluster answers". */
  readonly description: string;
  /** For the documentation: what is looked at, and what it means when it does not hold. Sentences, Markdown. */
  readonly looksAt: string;
  /** What to try when it does not hold; a suggestion each. */
  readonly hint: readonly string[];
  /** `warning`: a failure of it is shown as a warning, and nothing else is skipped for it. */
  readonly severity: "fatal" | "warning";
  /** True: it can only be asked of a deployment that is on the cluster. */
  readonly onlyDeployed?: true;
  /** Ids of the checks without which it makes no sense. */
  readonly needs: readonly string[];
  /** Default: 15 s. */
  readonly deadlineMs?: number;
  run(world: World, probe: Probe): Promise<Finding>;
}

/** A check with what it found, ready to be shown. */
export interface CheckResult {
  readonly id: string;
  readonly category: Category;
  readonly description: string;
  readonly severity: "fatal" | "warning";
  readonly status: Finding["status"];
  /** With which value it holds. */
  readonly detail?: string;
  readonly problems: readonly string[];
  readonly try: readonly string[];
  /** Why it was skipped. */
  readonly why?: string;
  /** Page of the documentation, for what is not fine. */
  readonly see?: string;
}

/** It holds. */
export function ok(detail?: string): Finding {
  return { status: "ok", ...(detail === undefined ? {} : { detail }) };
}

/** It does not hold. */
export function failed(problems: string | readonly string[], tries?: readonly string[]): Finding {
  return { status: "failed", problems: listOf(problems), ...(tries === undefined ? {} : { try: tries }) };
}

/** It holds for now, or may be as it is, but somebody should know. */
export function warning(problems: string | readonly string[], tries?: readonly string[]): Finding {
  return { status: "warning", problems: listOf(problems), ...(tries === undefined ? {} : { try: tries }) };
}

/** It was not looked at. */
export function skipped(why: string): Finding {
  return { status: "skipped", why };
}

/** Fine when nothing was found, else what was found. */
export function unless(problems: readonly string[], detail?: string, tries?: readonly string[]): Finding {
  return problems.length === 0 ? ok(detail) : failed(problems, tries);
}

function listOf(problems: string | readonly string[]): readonly string[] {
  return typeof problems === "string" ? [problems] : problems;
}

/** The page that has a chapter for each check. */
export const checksPage = "doc/checks.md";
