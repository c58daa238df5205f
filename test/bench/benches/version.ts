import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { interleaved, timeProgram } from "../timing.ts";

/** The shortest command of all. */
export const bench: Bench = {
  name: "version",
  what: "`vdi --version`: what every command costs before it does anything.",
  how: "The program from start to end, in turn with `node -e 0`, which is the least that a program in JavaScript can take.",
  heldBackBy: "Node's own start, and reading two files.",
  async run({ root, count, signal }) {
    const node = process.execPath;
    const pairs = await interleaved(
      count(60, 5),
      () => timeProgram({ file: node, args: [join(root, "bin", "vdi"), "--version"] }),
      () => timeProgram({ file: node, args: ["-e", "0"] }),
      signal,
    );
    return [
      {
        what: "vdi --version",
        unit: "ms",
        samples: pairs.ours,
        plain: { what: "node -e 0", samples: pairs.plain, paired: true },
        targets: [{ of: "p50", timesPlain: 1.5 }],
      },
    ];
  },
};
