import { type Fared, type LoadOrder, loadOn } from "../../e2e/proxy-image/load.ts";
import { Rig } from "../../e2e/proxy-image/rig.ts";
import type { Bench, Figure } from "../bench.ts";

const user = "xpra-user01";
const many = 200;

/** Both ways to guess: an office's one address, where the limit by address matters, and a botnet's. */
const guessers: readonly { readonly from: string; readonly addresses: readonly string[]; readonly names: readonly string[] }[] = [
  { from: "one address", addresses: ["127.0.0.9"], names: Array.from({ length: 1_000 }, (_, at) => `guess-${at}`) },
  {
    from: `${many} addresses`,
    addresses: Array.from({ length: many }, (_, at) => `127.1.${at % 20}.${1 + at}`),
    // Together with the addresses no pair comes twice, so that PAM is asked each time.
    names: ["xpra-user01", "xpra-user02", "xpra-user03", ...Array.from({ length: 40 }, (_, at) => `guess-${at}`)],
  },
];

function figure(what: string, loaded: readonly number[], quiet: readonly number[], note?: string): Figure {
  return {
    what,
    unit: "ms",
    samples: loaded,
    plain: { what: "the same without wrong passwords, in turn with it", samples: quiet, paired: false },
    targets: [{ of: "p99", timesPlain: 2 }],
    ...(note === undefined ? {} : { note }),
  };
}

function allSucceeded({ failed }: Fared): void {
  if (failed.length > 0) throw new Error(`${failed.length} good sign-ins failed: ${failed.slice(0, 5).join("; ")}`);
}

/** What guessing costs those who know their password. */
export const bench: Bench = {
  name: "wrong-passwords",
  what: "Sign-ins while somebody tries 20 wrong passwords a second.",
  how:
    "The proxy's container with real PAM, a stand-in for the broker and one real session. Ten seconds without and ten with wrong " +
    "passwords, in turn, a minute of each; in both, the same two users sign in on the page's way and attach on Xpra's, twice a second, " +
    "each by a new connection and with the password. A sign-in is measured from the connection to the answer with the ticket and the " +
    "types, an attach from the connection to the session's hello. The guesser's own TLS handshakes run on the same processors.",
  heldBackBy: "The hash of the password (SHA-512, by PAM), TLS handshakes, and Xpra's threads for each connection.",
  async run({ count, say, signal, defer }) {
    const figures: Figure[] = [];
    const rig = await Rig.up(`vdi-bench-wrong-${process.pid}`);
    defer(() => rig.down());
    for (const { from, addresses, names } of guessers) {
      say(`wrong passwords from ${from}`);
      const order: LoadOrder = {
        ...{ seconds: count(60, 4), slices: count(6, 1), wrongPerSecond: 20, addresses, names },
        ...{ good: ["127.0.0.1", "127.0.7.2"].map((address) => ({ user, address })), goodPerSecond: 2, attach: true },
      };
      const load = await loadOn(rig, order, signal);
      allSucceeded(load.quiet);
      allSucceeded(load.loaded);
      const answers = Object.entries(load.wrong).map(([status, times]) => `${times} times ${status}`);
      const note = `Wrong passwords were answered ${answers.join(", ")}.`;
      figures.push(figure(`sign-in, wrong passwords from ${from}`, load.loaded.signIn, load.quiet.signIn, note));
      figures.push(figure(`attach with the password, wrong passwords from ${from}`, load.loaded.attach, load.quiet.attach));
    }
    return figures;
  },
};
