import { setTimeout as sleep } from "node:timers/promises";
import { footprintOf } from "../../e2e/proxy-image/footprint.ts";
import { Session } from "../../e2e/session-image/session.ts";
import type { Bench, Figure } from "../bench.ts";

/** The sizes of a screen that people have; the largest is what Xpra starts an Xvfb with when nobody says anything. */
const sizes = ["1280x720", "1920x1080", "2560x1440", "3840x2160", "8192x4096"] as const;
/** A terminal on the screen and nothing else: what is measured is the screen, and not the desktop's programs. */
const script = "exec xpra desktop --bind-tcp=0.0.0.0:14500 --daemon=no --mdns=no --start='xterm -maximized'\n";
const settleMs = 4_000;

/** Megabytes of the screen's pixels, four bytes each. */
function screenMegabytes(size: string): number {
  const [width = 0, height = 0] = size.split("x").map(Number);
  return (width * height * 4) / 2 ** 20;
}

/** What a session's screen costs. */
export const bench: Bench = {
  name: "session-size",
  what: "Memory of one session by the size of its screen (`XPRA_SCREEN`), with one terminal on it.",
  how:
    "The session's image as its pod runs it, without a client, four seconds after Xpra is ready: the proportional set size of all its " +
    "processes, and of Xvfb alone; beside that, the screen's pixels, four bytes each.",
  heldBackBy: "Xvfb keeps the whole screen, and Xpra its own Python.",
  async run({ count, say, signal }) {
    const figures: Figure[] = [];
    for (const size of sizes) {
      const all: number[] = [];
      const screen: number[] = [];
      for (let round = 0; round < count(3, 1); round += 1) {
        signal.throwIfAborted();
        say(`${size}, ${round + 1}`);
        const session = await Session.start({ script, env: { XPRA_SCREEN: size } });
        try {
          await session.ready();
          await session.eventually("pgrep -x xterm");
          await sleep(settleMs, undefined, { signal });
          all.push((await footprintOf(session.name)).pssMegabytes);
          screen.push((await footprintOf(session.name, /^Xvfb$/)).pssMegabytes);
        } finally {
          await session.remove();
        }
      }
      const pixels = { what: "the screen's pixels", samples: [screenMegabytes(size)], paired: false };
      figures.push({ what: `${size}: the session`, unit: "MB", samples: all });
      figures.push({ what: `${size}: Xvfb alone`, unit: "MB", samples: screen, plain: pixels });
    }
    return figures;
  },
};
