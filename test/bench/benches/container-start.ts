import { Session } from "../../e2e/session-image/session.ts";
import type { Bench } from "../bench.ts";
import { interleaved } from "../timing.ts";

/** What Xpra does by itself: the same server on a display that it starts, as large as ours. Home and runtime directory are made before. */
const xpraAlone = `
mkdir -p -m 700 /run/user/20001 /home/alice; export XDG_RUNTIME_DIR=/run/user/20001; cd /home/alice
exec /usr/lib/vdi/libexec/xpra desktop :100 --daemon=no --bind-tcp=0.0.0.0:14500,auth=env:name=XPRA_PASSWORD \\
  --xvfb="Xvfb +extension Composite -screen 0 3840x2160x24 -nolisten tcp -noreset" \\
  --start-child="xterm -maximized -fa Monospace -fs 11" --exit-with-children=yes --file-transfer=no --open-files=no --resize-display=yes:1280x800
`;

/** The part of a session's start that is ours alone. */
export const bench: Bench = {
  name: "container-start",
  what: "From the start of a session's container to Xpra's word `xpra is ready.`, without a cluster.",
  how: "The type desktop-failsafe under the limits of a session's pod, in turn with the same image where Xpra starts its display (of the same size) and its session bus itself. Both times are the engine's: the container's start, and the time of the line in its log.",
  heldBackBy:
    "Python: Xpra loads some hundreds of modules, about 0.4 s of work for one processor. The X server and the session bus start meanwhile.",
  async run({ count, signal }) {
    const once = async (options: Parameters<typeof Session.start>[0]): Promise<number> => {
      const session = await Session.start(options);
      try {
        await session.ready();
        return await session.startMs();
      } finally {
        await session.remove();
      }
    };
    const pairs = await interleaved(
      count(25, 2),
      () => once({ type: "desktop-failsafe" }),
      () => once({ command: ["/bin/sh", "-c", xpraAlone] }),
      signal,
    );
    return [
      {
        what: "container start to `xpra is ready.`",
        unit: "ms",
        samples: pairs.ours,
        plain: { what: "Xpra starts its own Xvfb", samples: pairs.plain, paired: true },
        targets: [{ of: "p50", atMost: 600 }],
      },
    ];
  },
};
