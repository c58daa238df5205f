import { type ChildProcess, spawn } from "node:child_process";
import { execa } from "execa";
import { type Browser, chromium } from "playwright-core";
import { chromiumSwitches, executablePath } from "./page.ts";

/** Keys by the names that browsers give their places, with the codes that X11 has for them. */
const keyCodes: Readonly<Record<string, number>> = {
  ...codesInARow(10, "Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal"),
  ...codesInARow(22, "Backspace Tab"),
  ...codesInARow(24, "KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Enter ControlLeft"),
  ...codesInARow(38, "KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote ShiftLeft Backslash"),
  ...codesInARow(52, "KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash"),
  ...codesInARow(64, "AltLeft Space CapsLock"),
  ...{ IntlBackslash: 94, AltRight: 108, NumLock: 77, Numpad7: 79, Numpad5: 84, NumpadAdd: 86, NumpadDecimal: 91 },
  ...{ ArrowLeft: 113, Home: 110, End: 115, Delete: 119, Insert: 118 },
};

function codesInARow(first: number, names: string): Record<string, number> {
  return Object.fromEntries(names.split(" ").map((name, index) => [name, first + index]));
}

/** The arguments for xdotool that press keys in turn; `ShiftLeft+KeyA` holds the first while it presses the second. */
function presses(keys: readonly string[]): string[] {
  return keys.flatMap((key) => {
    const codes = key.split("+").map((name) => {
      const code = keyCodes[name];
      if (code === undefined) throw new Error(`no code is known for the key ${name}`);
      return String(code);
    });
    const last = codes.at(-1) ?? "";
    const held = codes.slice(0, -1);
    return [...held.flatMap((code) => ["keydown", code]), "key", last, ...held.reverse().flatMap((code) => ["keyup", code])];
  });
}

/** A screen with a keyboard whose keys are pressed below the browser: layout, dead keys and locks are those of a real one. */
export interface RealKeyboard {
  readonly browser: Browser;
  /** Changes the layout, e.g. to `de` or `us dvorak`, for browsers that are opened afterwards and for those that run. */
  setLayout(layout: string): Promise<void>;
  /** Presses keys by their places, e.g. `Equal`, `ShiftLeft+KeyA`, `AltRight+KeyQ`. */
  press(...keys: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Starts a screen and Chromium on it, with a window. */
export async function openRealKeyboard(): Promise<RealKeyboard> {
  // -r: no key repeats by itself, however late its release comes.
  const screen = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1400x1000x24", "-nolisten", "tcp", "-r"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const display = await displayOf(screen);
  const env = { ...process.env, DISPLAY: display };
  const browser = await chromium.launch({ executablePath, headless: false, args: chromiumSwitches, env }).catch((error: unknown) => {
    screen.kill();
    throw error;
  });
  return {
    browser,
    async setLayout(layout) {
      await execa("setxkbmap", layout.split(" "), { env });
    },
    async press(...keys) {
      // Between two keys there is at least the time that a fast typist needs.
      for (const key of keys) await execa("xdotool", [...presses([key]), "sleep", "0.03"], { env });
    },
    async close() {
      await browser.close();
      screen.kill();
    },
  };
}

async function displayOf(screen: ChildProcess): Promise<string> {
  const pipe = screen.stdio[3];
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("Xvfb gave no display within 20 s")), 20_000);
    screen.once("error", reject);
    screen.once("exit", (code) => reject(new Error(`Xvfb ended with ${code}`)));
    pipe?.once("data", (data: Buffer) => {
      clearTimeout(timer);
      resolve(`:${data.toString("utf8").trim()}`);
    });
  });
}
