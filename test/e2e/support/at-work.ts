import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { V1Pod } from "@kubernetes/client-node";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";
import type { Demo } from "../../start/demo.ts";
import { chooseType, openContext, screenshot, signIn, typeInto, waitForFirstFrame, waitForQuiet } from "../page/page.ts";
import { keepKeysSingle } from "./keys.ts";
import type { Kubectl, ShellOutcome } from "./kubectl.ts";
import { eventually } from "./wait.ts";

const artifacts = join(import.meta.dirname, "..", "..", "..", "artifacts");
const waiting = { timeout: 30_000, interval: 300 };

/** What the page showed at some moment. */
export interface Seen {
  /** Since the watching began. */
  readonly ms: number;
  readonly state: string;
  /** The card's words, or those of the line over the desktop. */
  readonly words: string;
}

/** The session type of these tests: a terminal that fills the screen, ready in a second. */
export const terminalType = "desktop-failsafe";

/** A user who works in a terminal of a session, in a window of a browser. */
export class AtWork {
  readonly page: Page;
  readonly #context: BrowserContext;
  readonly #kubectl: Kubectl;
  readonly #demo: Demo;
  readonly #user: string;

  private constructor(context: BrowserContext, page: Page, kubectl: Kubectl, demo: Demo, user: string) {
    this.#context = context;
    this.page = page;
    this.#kubectl = kubectl;
    this.#demo = demo;
    this.#user = user;
  }

  /** Opens a page and signs in; `start` then opens the terminal. */
  static async signedIn(browser: Browser, kubectl: Kubectl, demo: Demo, user = demo.user): Promise<AtWork> {
    mkdirSync(artifacts, { recursive: true });
    const context = await openContext(browser);
    const page = await context.newPage();
    await signIn(page, { address: demo.url, user, password: demo.password });
    return new AtWork(context, page, kubectl, demo, user);
  }

  /** Opens the terminal and waits for it. */
  async start(): Promise<void> {
    await chooseType(this.page, terminalType);
    await this.ready();
  }

  /** Waits until the terminal is on the screen and has the keyboard. */
  async ready(): Promise<void> {
    await waitForFirstFrame(this.page);
    // The screen is there, and empty, before the terminal is.
    await eventually(
      "the terminal's shell",
      () => this.#inSession("pgrep -t pts/0"),
      ({ code }) => code === 0,
    );
    await keepKeysSingle((command) => this.#inSession(command));
    await waitForQuiet(this.page, 1_000);
    await this.page.mouse.click(640, 400);
  }

  async #inSession(command: string): Promise<ShellOutcome> {
    const { metadata } = await this.pod();
    return this.#kubectl.shell(this.#demo.namespace, metadata?.name ?? "", "session", command);
  }

  /** The session's pod; fails when there is none, or more than one. */
  async pod(): Promise<V1Pod> {
    const name = `${this.#user}-${terminalType}`;
    const pods = (await this.#kubectl.sessionPods(this.#demo.namespace)).filter(
      ({ metadata }) => metadata?.name === name && metadata.deletionTimestamp === undefined,
    );
    expect(pods.map(({ metadata }) => metadata?.name)).toEqual([name]);
    return pods[0] as V1Pod;
  }

  /** Types the first half of a command and does not press Enter. */
  async typeHalf(): Promise<void> {
    await typeInto(this.page, "echo before-");
    await waitForQuiet(this.page, 500);
  }

  /** Types the second half, and waits until the command was run as a whole: it is the same terminal with what was typed in it. */
  async typeRest(whole = "before-after"): Promise<void> {
    const file = `/tmp/typed-${Date.now()}`;
    await typeInto(this.page, `after > ${file}\n`);
    await expect.poll(() => this.file(file), waiting).toBe(whole);
  }

  /** Types a whole command and waits for what it does. */
  async type(words: string): Promise<void> {
    const file = `/tmp/typed-${Date.now()}`;
    await typeInto(this.page, `echo ${words} > ${file}\n`);
    await expect.poll(() => this.file(file), waiting).toBe(words);
  }

  /** What a file in the session holds; empty when it is not there. */
  async file(path: string): Promise<string> {
    const { code, output } = await this.#inSession(`cat ${path}`);
    return code === 0 ? output.trim() : "";
  }

  /** Notes from now on what the page shows; the returned function gives it. */
  async watch(): Promise<() => Promise<readonly Seen[]>> {
    await this.page.evaluate(() => {
      const began = performance.now();
      const notes: { ms: number; state: string; words: string }[] = [];
      const look = (): void => {
        const state = document.body.dataset.state ?? "";
        const card = [...document.querySelectorAll("#page :is(h1, p, li, strong)")].map((part) => part.textContent).join(" ");
        const line = document.querySelector(".quiet-line")?.textContent ?? "";
        const words = `${card} ${line}`.replace(/\s+/g, " ").trim();
        const last = notes.at(-1);
        if (last?.state !== state || last.words !== words) notes.push({ ms: Math.round(performance.now() - began), state, words });
      };
      look();
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
      Object.assign(window, { vdiNotes: notes });
    });
    return () => this.page.evaluate(() => (window as unknown as { vdiNotes: Seen[] }).vdiNotes);
  }

  async picture(name: string): Promise<void> {
    await screenshot(this.page, join(artifacts, `fault-${name}.png`));
  }

  async leave(): Promise<void> {
    await this.#context.close();
  }
}

/**
 * Expects of what `watch` gives that the desktop was there all the time. Nothing but the line that it is waited for may have come and
 * gone: it is shown after eight seconds of silence, which a machine that is busy with other tests gives as well. A connection that is
 * lost is another state twelve seconds later.
 */
export async function expectUndisturbed(notes: () => Promise<readonly Seen[]>): Promise<void> {
  const isOver = (last: Seen | undefined): boolean => last?.words === "" || last?.state !== "working";
  const seen = await eventually("the desktop is heard of", notes, (all) => isOver(all.at(-1)));
  const isAllowed = ({ state, words }: Seen): boolean => state === "working" && /^(The connection is interrupted\. .*)?$/.test(words);
  expect(seen.filter((each) => !isAllowed(each))).toEqual([]);
}

/** Says how long something took; figures are told and never asserted. */
export function tell(what: string, seen: readonly Seen[]): void {
  const lines = seen.map(
    ({ ms, state, words }) => `  ${(ms / 1000).toFixed(1).padStart(6)} s  ${state}${words === "" ? "" : `: ${words}`}`,
  );
  process.stderr.write(`${what}\n${lines.join("\n")}\n`);
}

/** The proxy's pod that a user is attached through, by the proxies' own lines, which can be read a moment after they were written. */
export async function attachedProxy(kubectl: Kubectl, demo: Demo, user = demo.user): Promise<V1Pod> {
  const attached = await eventually(
    `one proxy says that ${user} is attached`,
    () => attachedProxies(kubectl, demo, user),
    ({ length }) => length === 1,
  );
  return attached[0] as V1Pod;
}

async function attachedProxies(kubectl: Kubectl, demo: Demo, user: string): Promise<readonly V1Pod[]> {
  const pods = await kubectl.pods(`ingress-${demo.namespace}`, "app=xpra-proxy");
  const attached: V1Pod[] = [];
  for (const pod of pods) {
    const log = await kubectl.logs(`ingress-${demo.namespace}`, pod.metadata?.name ?? "", "proxy");
    const last = log
      .split("\n")
      .filter((line) => line.startsWith('{"time":'))
      .map((line) => JSON.parse(line) as { event: string; user?: string; outcome?: string })
      .filter((line) => line.user === user && (line.event === "detach" || (line.event === "attach" && line.outcome === "ok")))
      .at(-1);
    if (last?.event === "attach") attached.push(pod);
  }
  return attached;
}

/** Waits until both proxies are ready again, for the next test. */
export async function untilProxiesReady(kubectl: Kubectl, demo: Demo): Promise<void> {
  await kubectl.run("rollout", "status", "deployment", "-n", `ingress-${demo.namespace}`, "--timeout=90s");
}
