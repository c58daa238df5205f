import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { buildPage } from "../../../web/build.mjs";
import { Session } from "../session-image/session.ts";
import { keepKeysSingle } from "../support/keys.ts";
import { type FakeDoor, startFakeDoor } from "./fake-door.ts";
import { chooseType, signIn, waitForFirstFrame, waitForOpened, waitForQuiet } from "./page.ts";

/** Who signs in at the rig's door. */
export const person = { user: "alice", password: "only-for-this-test" };

/** The page before a real session: a terminal, whose program writes down what is typed. Only the door is played. */
export interface SessionRig {
  readonly door: FakeDoor;
  readonly session: Session;
  /** Signs in and asks for the session. */
  ask(page: Page): Promise<void>;
  /** Signs in and opens the session; `answer` is the button to press when it is open elsewhere. */
  open(page: Page, answer?: string): Promise<void>;
  /** Waits until nobody is connected to the session any more. */
  left(): Promise<void>;
  /** Forgets what was typed, does something, and waits until exactly this text was typed. */
  expectTyped(text: string, action: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

// xfce4-terminal, because that is what users have; the program in it echoes nothing, so that nothing is on the screen but a prompt.
const script = `exec xpra seamless --bind-tcp=0.0.0.0:\${SRC_PORT} \${SSL_OPTIONS} --clipboard=yes --clipboard-direction=both \\
  --start="xfce4-terminal --disable-server --hide-menubar -x sh -c 'stty -echo; echo ready; cat >/tmp/typed'"\n`;

/** Starts the session and the door before it. */
export async function startSessionRig(): Promise<SessionRig> {
  const www = await mkdtemp(join(tmpdir(), "vdi-page-"));
  await buildPage(www);
  const session = await Session.start({ script });
  try {
    await session.ready();
    await session.eventually("pgrep -x cat >/dev/null");
    const door = await startFakeDoor({ www, ...person, ticket: Session.password, session: await session.address(), stepMs: 1 });
    const ask = async (page: Page): Promise<void> => {
      await signIn(page, { ...person, address: door.address });
      await chooseType(page, "desktop");
    };
    return {
      door,
      session,
      ask,
      async open(page, answer) {
        await ask(page);
        if (answer === undefined) await waitForOpened(page);
        else await page.getByRole("button", { name: answer }).click();
        await waitForFirstFrame(page);
        await waitForQuiet(page);
        await keepKeysSingle((command) => session.inside(command));
      },
      async left() {
        // Connections that are established (01), or not closed yet by the session (08), on its port 14500.
        await session.eventually("! grep -Eqi '^ *[0-9]+: [0-9a-f]+:38a4 [0-9a-f]+:[0-9a-f]+ 0[18] ' /proc/net/tcp");
      },
      async expectTyped(text, action) {
        await session.inside(": >/tmp/typed");
        await action();
        // The program appends, so that the emptied file begins with the zeros of what was there.
        await expect
          .poll(async () => (await session.inside("tr -d '\\000' </tmp/typed")).output, { timeout: 20_000, interval: 300 })
          .toBe(`${text}\n`);
      },
      async close() {
        await door.close();
        await session.remove();
        await rm(www, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await session.remove();
    throw error;
  }
}
