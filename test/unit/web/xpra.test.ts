import { createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { corrections } from "../../../web/src/xpra/capabilities.ts";
import { answerChallenge } from "../../../web/src/xpra/challenge.ts";
import { ExtraCharacters, isPlain, keyNameOfCharacter, typedPieces } from "../../../web/src/xpra/characters.ts";
import { Clipboard, clipboardText } from "../../../web/src/xpra/clipboard.ts";
import type { Connection } from "../../../web/src/xpra/connection.ts";
import { dragBox, edgesOf, fitScale, placeWindow } from "../../../web/src/xpra/geometry.ts";
import { layoutOf } from "../../../web/src/xpra/layout.ts";
import { lossFromWords } from "../../../web/src/xpra/loss.ts";
import { keyNameOn, modifiersOf } from "../../../web/src/xpra/modifiers.ts";
import { PasteWait } from "../../../web/src/xpra/paste-wait.ts";
import { Wheel } from "../../../web/src/xpra/wheel.ts";

const serverSalt = Uint8Array.from({ length: 64 }, (_, index) => 255 - index);

test("an hmac challenge is answered as Xpra computes it", async () => {
  const answer = await answerChallenge(serverSalt, "hmac+sha512", "hmac+sha256", "secret", false);
  const salt = createHmac("sha256", answer.challenge_client_salt).update(serverSalt).digest("hex");
  const expected = createHmac("sha512", "secret").update(salt).digest("hex");
  expect(new TextDecoder().decode(answer.challenge_response)).toBe(expected);
});

test("a ticket longer than the salt is handed over whole by xor", async () => {
  const ticket = "x".repeat(300);
  const answer = await answerChallenge(serverSalt, "xor", "hmac+sha512", ticket, true);
  const salt = new TextEncoder().encode(createHmac("sha512", answer.challenge_client_salt).update(serverSalt).digest("hex"));
  const back = answer.challenge_response.map((byte, index) => byte ^ (salt[index] ?? 0));
  expect(new TextDecoder().decode(back)).toBe(ticket);
});

test("a salt that came as a string of bytes is the same salt", async () => {
  const asText = String.fromCharCode(...serverSalt);
  const answer = await answerChallenge(asText, "hmac+sha256", "hmac+sha256", "s", false);
  const salt = createHmac("sha256", answer.challenge_client_salt).update(serverSalt).digest("hex");
  expect(new TextDecoder().decode(answer.challenge_response)).toBe(createHmac("sha256", "s").update(salt).digest("hex"));
});

test("a secret is not handed over on a plain connection, and not by weak digests", async () => {
  await expect(answerChallenge(serverSalt, "xor", "hmac+sha512", "s", false)).rejects.toThrow("not encrypted");
  await expect(answerChallenge(serverSalt, "des", "hmac+sha512", "s", true)).rejects.toThrow('digest "des"');
  await expect(answerChallenge(serverSalt, "hmac+sha512", "xor", "s", true)).rejects.toThrow('salt digest "xor"');
});

test("the first message names the display and has the clipboard's settings where 6.5 reads them", () => {
  expect(
    corrections({ display: "mhd-desktop", clientId: "id", manner: "ask", layout: "de" }, { encodings: ["png", "scroll"] }),
  ).toMatchObject({
    encodings: ["png"],
    display: "mhd-desktop",
    "vdi-existing": true,
    uuid: "id",
    keymap: { layout: "de" },
    clipboard: { enabled: true, greedy: true, selections: ["CLIPBOARD", "PRIMARY"] },
  });
});

test.each([
  ["ask", { steal: false, share: true }],
  ["take", { steal: true, share: false }],
  ["share", { steal: true, share: true }],
] as const)("who comes to %s says so in the words of Xpra", (manner, said) => {
  expect(corrections({ display: "desktop", clientId: "id", manner, layout: "us" }, {})).toMatchObject(said);
});

test.each([
  ["new client", "taken-over"],
  ["Disconnected: new connection from the same uuid", "taken-over"],
  ["server shutdown", "session-over"],
  ["server exit", "session-over"],
  ["authentication failed", "lost"],
  ["authentication error", "lost"],
  ["server shutdown, authentication failed", "session-over"],
  ["no authentication is possible", "refused"],
  ["permission denied", "refused"],
  ["connection lost", "lost"],
  ["session busy, this session is shown elsewhere", "busy"],
  ["session busy, this session is already active", "cannot-tell"],
  ["session busy, this session is locked", "locked"],
  ["server shutdown, disconnect from server, session busy, this session is locked", "locked"],
  ["Your session has ended.", "session-over"],
  ["Your last session ended with an error.", "session-over"],
  ["Your last session was ended because it needed more memory than a session may use.", "session-over"],
  ["server shutdown, disconnect from server, session busy", "cannot-tell"],
  ["server shutdown, disconnect from server, session busy, this session is shown elsewhere", "busy"],
  ["", "lost"],
])('a goodbye with the words "%s" means: %s', (words, kind) => {
  expect(lossFromWords(words).kind).toBe(kind);
});

test("clipboard data is read as text only when it is text", () => {
  const bytes = new TextEncoder().encode("grüße");
  expect(clipboardText("UTF8_STRING", 8, bytes)).toBe("grüße");
  expect(clipboardText("STRING", 8, Uint8Array.of(0x67, 0xfc))).toBe("gü");
  expect(clipboardText("text/plain", 8, "plain")).toBe("plain");
  expect(clipboardText("image/png", 8, bytes)).toBeNull();
  expect(clipboardText("UTF8_STRING", 32, bytes)).toBeNull();
  expect(clipboardText(undefined, undefined, undefined)).toBeNull();
});

test.each([53, 100, 120, 125])("a wheel's notch of %i pixels is one notch", (pixels) => {
  expect(new Wheel().turn(0, pixels, 0)).toEqual([5]);
  expect(new Wheel().turn(0, -pixels, 0)).toEqual([4]);
});

test("wheels turn in whole notches, and small steps add up", () => {
  const pad = new Wheel();
  expect([1, 2, 3, 4].flatMap(() => pad.turn(0, 20, 0))).toEqual([5]);
  expect(pad.turn(0, -20, 0)).toEqual([]);
  expect(new Wheel().turn(0, 3, 1)).toEqual([5]);
  expect(new Wheel().turn(-60, 0, 0)).toEqual([6]);
  expect(new Wheel().turn(0, 240, 0)).toEqual([5, 5]);
  expect(new Wheel().turn(0, 100_000, 0)).toHaveLength(10);
});

test("a new window is put where its title bar can be reached", () => {
  const place = { w: 1000, h: 700 };
  expect(placeWindow({ x: 0, y: 0, w: 400, h: 300 }, place, false, 0)).toEqual({ x: 300, y: 133, w: 400, h: 300 });
  expect(placeWindow({ x: 5000, y: -50, w: 400, h: 300 }, place, true, 0)).toEqual({ x: 880, y: 30, w: 400, h: 300 });
});

test("dragging an edge keeps the opposite one in its place", () => {
  const box = { x: 100, y: 100, w: 200, h: 150 };
  const topLeft = edgesOf(0);
  expect(topLeft && dragBox(box, topLeft, 20, 10)).toEqual({ x: 120, y: 110, w: 180, h: 140 });
  const move = edgesOf(8);
  expect(move && dragBox(box, move, -10, -500)).toEqual({ x: 90, y: 30, w: 200, h: 150 });
  expect(edgesOf(11)).toBeNull();
});

test("a desktop larger than its place is shown smaller, a smaller one as it is", () => {
  expect(fitScale({ w: 500, h: 400 }, { w: 1000, h: 400 })).toBe(0.5);
  expect(fitScale({ w: 500, h: 400 }, { w: 100, h: 100 })).toBe(1);
});

function held(...keys: readonly string[]) {
  const has = (key: string) => keys.includes(key);
  return {
    shiftKey: has("Shift"),
    ctrlKey: has("Control"),
    altKey: has("Alt"),
    metaKey: has("Meta"),
    getModifierState: has,
  };
}

test.each([
  [["Control", "Alt"], false, ["control", "mod1"]],
  [["Shift", "CapsLock", "NumLock"], false, ["shift", "lock", "mod2"]],
  [["Meta"], false, ["mod4"]],
  [["Control", "Alt", "AltGraph"], false, ["mod5"]],
  [["Meta"], true, ["control"]],
  [["Alt"], true, ["mod5"]],
])("the keys %j (on a Mac: %s) are X11's %j", (keys, isMac, expected) => {
  expect(modifiersOf(held(...keys), isMac)).toEqual(expected);
});

test("only on a Mac the Command key is Control", () => {
  expect(keyNameOn(true, "Meta_L")).toBe("Control_L");
  expect(keyNameOn(false, "Super_L")).toBe("Super_L");
});

test("characters have the names of X11's keys", () => {
  expect(["ü", "€", "Ω", "日"].map(keyNameOfCharacter)).toEqual(["U00FC", "EuroSign", "U03A9", "U65E5"]);
  expect(["a", "~", "\n", "ü", "ab"].map(isPlain)).toEqual([true, true, true, false, false]);
});

test("a character that the keyboard lacks is asked for once, and no other key moves for it", () => {
  const extra = new ExtraCharacters();
  const before = extra.keys();
  const need = (characters: string): boolean => extra.need(new Set(characters));
  expect(need("ü")).toBe(false);
  expect(need("Ω")).toBe(true);
  expect(need("Ω")).toBe(false);
  expect(extra.keys()).toEqual([...before, [0x3a9, "U03A9", 1000 + before.length, 0, 0]]);
  for (const character of "абвгдежзиклмн") need(character);
  expect(extra.keys().slice(0, before.length)).toEqual(before);
  expect(extra.keys()).toHaveLength(34);
});

test("a text with more new characters than there are keys is typed in pieces, each with all of its own", () => {
  const text = "今日は天気がいいですね。é明日はどうでしょうか\b今";
  const extra = new ExtraCharacters();
  const pieces = [...typedPieces(text)];
  expect(pieces.map(({ piece }) => piece).join("")).toBe(text);
  expect(pieces.length).toBeGreaterThan(2);
  for (const { piece, needs } of pieces) {
    extra.need(needs);
    const names = new Set(extra.keys().map(([, name]) => name));
    for (const character of piece) if (!isPlain(character) && character !== "\b") expect(names).toContain(keyNameOfCharacter(character));
  }
  expect([...typedPieces("")]).toEqual([]);
});

test.each([
  ["en-US", null, "us"],
  ["en-GB", null, "gb"],
  ["de-DE", null, "de"],
  ["fr", null, "fr"],
  ["sv-SE", null, "se"],
  ["xx", null, "us"],
  ["en-US", ["q", "z", "ö", "ß"], "de"],
  ["de-DE", ["q", "y", ";", "-"], "us"],
  ["pl-PL", ["q", "y", "ł", "-"], "pl"],
] as const)("for the language %s and the keys %j the keyboard is %s", (language, keys, layout) => {
  const codes = ["KeyQ", "KeyY", "Semicolon", "Minus"];
  const legends = keys === null ? null : new Map(codes.map((code, index) => [code, keys[index] ?? ""]));
  expect(layoutOf(language, legends)).toBe(layout);
});

describe("a text of the browser", () => {
  function clipboard() {
    const sent: unknown[][] = [];
    const handlers = new Map<string, (...values: unknown[]) => void>();
    const connection = {
      send: (packet: unknown[]) => sent.push(packet),
      handle: (type: string, handler: (...values: unknown[]) => void) => handlers.set(type, handler),
    };
    const made = new Clipboard(connection as unknown as Connection, () => undefined);
    const copy = (text: string) =>
      handlers.get("clipboard-token")?.("CLIPBOARD", [], "UTF8_STRING", "UTF8_STRING", 8, "bytes", new TextEncoder().encode(text));
    return { made, sent, copy, ask: (id: number, target: string) => handlers.get("clipboard-request")?.(id, "CLIPBOARD", target) };
  }

  beforeEach(() => void vi.stubGlobal("navigator", {}));
  afterEach(() => void vi.unstubAllGlobals());

  test("is no news when the desktop has copied it, whatever ends the browser gives its lines", () => {
    const { made, sent, copy } = clipboard();
    for (const copied of ["a\nb", "a\r\nb", `${"x".repeat(5 * 1024 * 1024)}`]) {
      copy(copied);
      expect(made.offer(copied.replaceAll(/\r?\n/g, "\r\n"))).toBe(false);
    }
    expect(sent).toEqual([]);
    expect(made.offer("c\r\nd")).toBe(true);
  });

  test("stays there until a program asks for it, each time", () => {
    const { made, sent, ask } = clipboard();
    let fetched = 0;
    made.onFetched = () => fetched++;
    expect(made.offer("grüße")).toBe(true);
    expect(made.offer("grüße")).toBe(false);
    expect(sent).toHaveLength(1);
    expect(sent[0]?.slice(0, 2)).toEqual(["clipboard-token", "CLIPBOARD"]);
    expect(sent[0]?.slice(3, 8)).toEqual(["", "", 8, "bytes", new Uint8Array()]);
    ask(1, "TARGETS");
    expect(fetched).toBe(0);
    ask(2, "UTF8_STRING");
    ask(3, "text/plain");
    expect(fetched).toBe(2);
    expect(sent[3]).toEqual(["clipboard-contents", 3, "CLIPBOARD", "UTF8_STRING", 8, "bytes", new TextEncoder().encode("grüße")]);
  });

  test("goes along at once when it is long", () => {
    const { made, sent } = clipboard();
    const long = "x".repeat(70_000);
    made.offer(long);
    expect(sent[0]?.slice(3, 7)).toEqual(["UTF8_STRING", "UTF8_STRING", 8, "bytes"]);
    expect(sent[0]?.[7]).toEqual(new TextEncoder().encode(long));
  });
});

describe("keys after a paste key", () => {
  const shifted = { ctrlKey: true, shiftKey: true };

  test("wait shorter where it may mean something else", () => {
    expect(new PasteWait().sent({ ctrlKey: true, shiftKey: false }, 0)).toBe(700);
    expect(new PasteWait().sent(shifted, 0)).toBe(3_000);
    expect(new PasteWait().sent({ ctrlKey: false, shiftKey: true }, 0)).toBe(3_000);
  });

  test("wait for a second time as long as the first one took, and half of it", () => {
    const wait = new PasteWait();
    wait.sent(shifted, 1_000);
    expect(wait.fetched(1_040)).toBe(110);
    expect(wait.fetched(2_500)).toBe(500);
  });

  test("do not wait for ever for a program that looks at the text again and again", () => {
    const wait = new PasteWait();
    wait.sent(shifted, 0);
    expect(wait.fetched(3_400)).toBe(100);
    expect(wait.fetched(3_600)).toBe(0);
  });
});
