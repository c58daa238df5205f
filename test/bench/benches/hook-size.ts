import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Bench } from "../bench.ts";

/** The broker is one file without dependencies; it stays small enough to be read into memory in no time. */
export const bench: Bench = {
  name: "hook-size",
  what: "The size of `start_or_get_pod`: the broker and the one-shot form, one file without any dependency.",
  how: "The file that `npm run build` makes.",
  heldBackBy: "Nothing.",
  async run({ root }) {
    const file = await readFile(join(root, "dist/to_container/bin/start_or_get_pod"));
    return [
      { what: "start_or_get_pod", unit: "KB", samples: [file.length / 1000], targets: [{ of: "max", atMost: 100 }] },
      { what: "the same, compressed", unit: "KB", samples: [gzipSync(file).length / 1000] },
    ];
  },
};
