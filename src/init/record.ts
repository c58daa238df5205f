import path from "node:path";
import * as v from "valibot";
import { readTextIfThere, writeFileIfChanged } from "../util/atomic-file.ts";
import { messageOf, VdiError } from "../util/vdi-error.ts";

const recordSchema = v.object({
  version: v.literal(1),
  /** The version of `vdi` that laid the directory out last. */
  vdi: v.string(),
  /** What was laid out: prints by path. */
  files: v.record(v.string(), v.string()),
  /** What a run was about to lay out; gone when it has come to its end. */
  pending: v.optional(v.record(v.string(), v.string())),
});

/** What `vdi init` remembers of what it laid out, to tell an admin's change from its own file. */
export type DistributionRecord = v.InferOutput<typeof recordSchema>;

/** The record's file in a deployment directory. */
export const recordFile = "protected/distribution.json";

/** The record of a deployment directory; undefined when there is none. */
export async function readRecord(directory: string): Promise<DistributionRecord | undefined> {
  const file = path.join(directory, recordFile);
  const text = await readTextIfThere(file);
  if (text === undefined) return undefined;
  try {
    return v.parse(recordSchema, JSON.parse(text));
  } catch (thrown) {
    throw new VdiError({
      what: `${file} is not what vdi wrote`,
      why: messageOf(thrown),
      try: "move it away and run the command again: every file that differs from the distribution then counts as yours",
      cause: thrown,
    });
  }
}

/** Writes the record, whole or not at all. */
export async function writeRecord(directory: string, record: DistributionRecord): Promise<void> {
  await writeFileIfChanged(path.join(directory, recordFile), `${JSON.stringify(record, undefined, 2)}\n`, 0o600);
}
