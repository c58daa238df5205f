import type { DistributionRecord } from "./record.ts";

/** What is to be done with one file of a deployment directory. */
export type FileAction =
  /** It is not there yet. */
  | "add"
  /** It is as an earlier version laid it out, and this version has another one. */
  | "update"
  /** It is as an earlier version laid it out, and this version has none. */
  | "remove"
  /** It is what this version has. */
  | "same"
  /** The admin changed it; this version has nothing newer than what the admin started from. */
  | "keep"
  /** The admin changed it, and this version has a newer one. */
  | "keep-news"
  /** The admin removed it. */
  | "keep-removed"
  /** The admin changed it, and wants the distribution's. */
  | "replace";

/** One file and what is to be done with it. */
export interface PlannedFile {
  readonly path: string;
  readonly action: FileAction;
}

/** What is known of the files before anything is done; prints by path, as `printOf` makes them. */
export interface LayoutState {
  readonly distributed: ReadonlyMap<string, string>;
  readonly actual: ReadonlyMap<string, string>;
  readonly record: Pick<DistributionRecord, "files" | "pending">;
}

/**
 * Decides for every file what to do. A file counts as the admin's when it is neither what was last laid out nor what an
 * interrupted run was about to lay out. With `force` the admin's files give way.
 */
export function planLayout(state: LayoutState, force: boolean): readonly PlannedFile[] {
  const paths = new Set([...state.distributed.keys(), ...Object.keys(state.record.files)]);
  return [...paths].sort().flatMap((path) => {
    const action = actionFor(path, state, force);
    return action === undefined ? [] : [{ path, action }];
  });
}

function actionFor(path: string, { distributed, actual, record }: LayoutState, force: boolean): FileAction | undefined {
  const wanted = distributed.get(path);
  const there = actual.get(path);
  const before = record.files[path];
  const pending = record.pending?.[path];
  if (wanted === undefined) {
    if (there === undefined) return undefined;
    return there === before || there === pending ? "remove" : "keep";
  }
  if (there === wanted) return "same";
  if (there === undefined) return before !== undefined && pending === undefined && !force ? "keep-removed" : "add";
  if (there === before || there === pending) return "update";
  if (force) return "replace";
  return wanted === before ? "keep" : "keep-news";
}
