import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openRealKeyboard, type RealKeyboard } from "./real-keyboard.ts";
import { type SessionRig, startSessionRig } from "./session-rig.ts";

// What is printed on the keys of a real keyboard arrives in a program of a real session, whatever the layout.
let rig: SessionRig;
let keyboard: RealKeyboard;
let context: BrowserContext | undefined;

beforeAll(async () => {
  rig = await startSessionRig();
  keyboard = await openRealKeyboard();
});

afterEach(async () => {
  await context?.close();
  context = undefined;
});

afterAll(async () => {
  await keyboard?.close();
  await rig?.close();
});

async function openPage(): Promise<Page> {
  // The window's own size: a browser with a window has no other.
  context = await keyboard.browser.newContext({ viewport: null });
  const page = await context.newPage();
  await rig.open(page);
  return page;
}

const keys = (names: string): string[] => names.split(" ");
const withKey = (held: string, names: string): string[] => keys(names).map((name) => `${held}+${name}`);
const digits = "Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0";

const layouts: Readonly<Record<string, readonly (readonly [text: string, keys: readonly string[]])[]>> = {
  us: [
    ["qwertyz;'[]\\", keys("KeyQ KeyW KeyE KeyR KeyT KeyY KeyZ Semicolon Quote BracketLeft BracketRight Backslash")],
    ["!@#$%^&*()", withKey("ShiftLeft", digits)],
    ["aBAbc", keys("KeyA CapsLock KeyB KeyA ShiftLeft+KeyB CapsLock KeyC")],
  ],
  de: [
    ["qwertzyüöäß#<", keys("KeyQ KeyW KeyE KeyR KeyT KeyY KeyZ BracketLeft Semicolon Quote Minus Backslash IntlBackslash")],
    ['!"§$%&/()=', withKey("ShiftLeft", digits)],
    ["@€{[]}\\~|", withKey("AltRight", "KeyQ KeyE Digit7 Digit8 Digit9 Digit0 Minus BracketRight IntlBackslash")],
    // ´ and e, ^ and o, ` and a; with a space the accent stands alone.
    ["éôàÉ^`", keys("Equal KeyE Backquote KeyO ShiftLeft+Equal KeyA Equal ShiftLeft+KeyE Backquote Space ShiftLeft+Equal Space")],
    ["ÄäA", keys("CapsLock Quote ShiftLeft+Quote KeyA CapsLock")],
  ],
  fr: [
    ["azertyqwm,;:!ù", keys("KeyQ KeyW KeyE KeyR KeyT KeyY KeyA KeyZ Semicolon KeyM Comma Period Slash Quote")],
    ["&é\"'(-è_çà", keys(digits)],
    ["1234567890", withKey("ShiftLeft", digits)],
    ["~#{[|`\\^@€", withKey("AltRight", "Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 KeyE")],
    ["êôëï", keys("BracketLeft KeyE BracketLeft KeyO ShiftLeft+BracketLeft KeyE ShiftLeft+BracketLeft KeyI")],
  ],
  es: [["éñÑ@#", keys("Quote KeyE Semicolon ShiftLeft+Semicolon AltRight+Digit2 AltRight+Digit3")]],
  pt: [["ãõ~ç", keys("Backslash KeyA Backslash KeyO Backslash Space Semicolon")]],
};

describe("a keyboard with the layout", () => {
  test.each(Object.entries(layouts))("%s types what is printed on it", async (layout, lines) => {
    await keyboard.setLayout(layout);
    await openPage();
    for (const [text, pressed] of lines) await rig.expectTyped(text, () => keyboard.press(...pressed, "Enter"));
  });
});

describe("keys that are pressed while a paste is still being fetched come after it", () => {
  type Press = (keys: () => Promise<void>) => Promise<void>;

  async function expectPasted(pasted: string, press: Press = (keys) => keys()): Promise<void> {
    const page = await openPage();
    await context?.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.evaluate((text) => navigator.clipboard.writeText(text), pasted);
    await rig.expectTyped(`a${pasted}b`, () => press(() => keyboard.press("KeyA", "ControlLeft+ShiftLeft+KeyV", "KeyB", "Enter")));
  }

  beforeAll(() => keyboard.setLayout("us"));

  test("whatever the text", () => expectPasted("Ünïcode: 日本 €"));

  test("also in a program that is busy", async () => {
    await expectPasted("first of the pasted", async (keys) => {
      // Set going from inside: however long this machine takes for a command. The page waits for three seconds, and no longer.
      const terminal = "-x xfce4-terminal";
      await rig.session.inside(`pkill -STOP ${terminal}; (sleep 0.4; pkill -CONT ${terminal}) >/dev/null 2>&1 &`);
      await keys();
    });
  });
});

describe("a paste key", () => {
  async function fromClipboard(layout: string, pasted: string): Promise<Page> {
    await keyboard.setLayout(layout);
    const page = await openPage();
    await context?.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.evaluate((text) => navigator.clipboard.writeText(text), pasted);
    return page;
  }

  test("is the one with a V on it", async () => {
    await fromClipboard("us dvorak", "by its letter");
    await rig.expectTyped("by its letter", () => keyboard.press("ControlLeft+ShiftLeft+Period", "Enter"));
  });

  test("that is held pastes, and is let go", async () => {
    const page = await fromClipboard("us", "once");
    await rig.expectTyped("oncev", async () => {
      await page.keyboard.down("Control");
      await page.keyboard.down("Shift");
      // The second and third time as a key that repeats.
      for (let time = 0; time < 3; time++) await page.keyboard.down("V");
      await page.keyboard.up("V");
      await page.keyboard.up("Shift");
      await page.keyboard.up("Control");
      await keyboard.press("KeyV", "Enter");
    });
  });
});

test("the number block moves the cursor until NumLock is on", async () => {
  await keyboard.setLayout("us");
  await openPage();
  await rig.expectTyped("a\u001b[Hb", () => keyboard.press("KeyA", "Numpad7", "KeyB", "Enter"));
  await rig.expectTyped("75", () => keyboard.press("NumLock", "Numpad7", "Numpad5", "NumLock", "Enter"));
});

test("a text with many characters that no keyboard here has is typed as a whole", async () => {
  await keyboard.setLayout("us");
  const page = await openPage();
  const devtools = await page.context().newCDPSession(page);
  const text = "今日は天気がいいですね明日もきっと";
  await rig.expectTyped(text, async () => {
    await devtools.send("Input.insertText", { text });
    await keyboard.press("Enter");
  });
});

test("a text of an input method is typed when it is done, and once", async () => {
  await keyboard.setLayout("us");
  const page = await openPage();
  const devtools = await page.context().newCDPSession(page);
  await rig.expectTyped("日本語a", async () => {
    for (const text of ["に", "にほ", "日本"]) {
      await devtools.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
    }
    await devtools.send("Input.insertText", { text: "日本語" });
    await keyboard.press("KeyA", "Enter");
  });
  expect(await page.evaluate(() => document.querySelector<HTMLTextAreaElement>(".key-target")?.value)).toBe("");
});
