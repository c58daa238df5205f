import { EventEmitter } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Connection } from "../../../web/src/xpra/connection.ts";
import { type Arrangement, WindowSet } from "../../../web/src/xpra/window-set.ts";
import { FakeElement, fakeDocument } from "./fake-page.ts";

beforeEach(() => {
  vi.useFakeTimers();
  fakeDocument();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** The windows of a session that is played; `sent` is what its server is told. */
function rig(before: Arrangement | null = null) {
  const sent: unknown[][] = [];
  const tell =
    (name: string) =>
    (...values: unknown[]) =>
      void sent.push([name, ...values]);
  const client = Object.assign(new EventEmitter(), {
    sendMapWindow: ({ id }: { id: number }) => void sent.push(["map", id]),
    sendConfigureWindow: (...values: unknown[]) => void sent.push(["state", values[0], values[4]]),
    sendDamageSequence: tell("acknowledge"),
    sendBufferRefresh: tell("refresh"),
    sendGeometryWindow: tell("geometry"),
    sendCloseWindow: tell("close"),
  });
  const connection = { client, send: (packet: unknown[]) => void sent.push(packet) };
  const host = new FakeElement("section");
  let painted = 0;
  const set = new WindowSet(connection as unknown as Connection, host as unknown as HTMLElement, before, () => painted++);
  const elementOf = (id: number): FakeElement => {
    const found = host.children.find(({ dataset }) => dataset.wid === String(id));
    if (found === undefined) throw new Error(`there is no window ${id}`);
    return found;
  };
  return {
    set,
    sent,
    client,
    elementOf,
    painted: () => painted,
    add: (id: number, metadata: object = {}) =>
      client.emit("newWindow", { id, position: [10, 40], dimension: [300, 200], metadata, clientProperties: {}, overrideRedirect: false }),
    complete: () => client.emit("sessionStarted"),
    /** The ids of windows from the back to the front, as the page shows them. */
    shown: () =>
      [...host.children].sort((a, b) => Number(a.style.zIndex) - Number(b.style.zIndex)).map(({ dataset }) => Number(dataset.wid)),
    picture: (packetSequence: number, bitmap: object | null) => {
      const draw = { wid: 1, packetSequence, position: [0, 0], dimension: [300, 200], encoding: "png", startTime: performance.now() };
      client.emit("draw", draw);
      client.emit("drawBuffer", draw, bitmap);
    },
  };
}

const bitmap = { close: () => undefined };

test("of the windows of a session that runs one gets the keyboard, and a new one gets it at once", () => {
  const { set, sent, add, complete } = rig();
  for (const id of [1, 2, 3]) add(id);
  expect(set.focused).toBe(0);
  complete();
  expect(set.focused).toBe(3);
  expect(sent.filter(([name]) => name === "focus")).toEqual([["focus", 3, []]]);
  expect(sent.filter(([name]) => name === "state")).toEqual([
    ["state", 3, { focused: true }],
    ["state", 1, { focused: false }],
    ["state", 2, { focused: false }],
  ]);
  add(4);
  expect(set.focused).toBe(4);
});

test("who comes back finds the windows as they lay, and types into the same one", () => {
  const first = rig();
  for (const id of [1, 2, 3, 4]) first.add(id);
  first.complete();
  first.client.emit("raiseWindow", 3);
  first.client.emit("raiseWindow", 2);
  const { arrangement } = first.set;
  expect(arrangement).toEqual({ order: [1, 4, 3, 2], focused: 2 });
  const again = rig(arrangement);
  // One has gone meanwhile, and one is new.
  for (const id of [1, 2, 3, 9]) again.add(id);
  // Cut off once more before all were there: nothing is forgotten.
  expect(again.set.arrangement).toEqual(arrangement);
  again.complete();
  expect(again.set.focused).toBe(2);
  expect(again.shown()).toEqual([1, 3, 9, 2]);
  expect(again.sent.filter(([name]) => name === "focus")).toEqual([["focus", 2, []]]);
});

test("the window that had the keyboard has gone meanwhile: the one in front gets it", () => {
  const { set, add, complete } = rig({ order: [3, 1, 2], focused: 2 });
  for (const id of [1, 3]) add(id);
  complete();
  expect(set.focused).toBe(1);
});

test("a window that a program puts away stays, and the program is told so", () => {
  const { sent, client, elementOf, add, complete } = rig();
  add(1, { title: "a" });
  add(2, { title: "b", iconic: true });
  complete();
  expect(sent).toContainEqual(["state", 2, { iconified: false }]);
  sent.length = 0;
  client.emit("updateWindowMetadata", { wid: 1, metadata: { iconic: true } });
  expect(sent).toEqual([["state", 1, { iconified: false }]]);
  expect(elementOf(1).hidden).toBe(false);
  client.emit("updateWindowMetadata", { wid: 1, metadata: { iconic: false } });
  expect(sent).toHaveLength(1);
});

test("a window that is raised does not hide its dialog", () => {
  const { client, shown, add, complete } = rig();
  add(1);
  add(2, { "transient-for": 1 });
  add(3);
  complete();
  client.emit("raiseWindow", 1);
  expect(shown()).toEqual([3, 1, 2]);
});

test("layers never mix on the page, however often windows are raised", () => {
  const { client, shown, add, complete } = rig();
  add(1, { below: true });
  add(2);
  add(3, { above: true });
  complete();
  for (let turn = 0; turn < 7_200; turn++) {
    client.emit("raiseWindow", 1 + (turn % 3));
    if (turn > 3_400) expect(shown()).toEqual([1, 2, 3]);
  }
});

test("a picture that was not decoded is said to be not decoded, and counts for nothing", () => {
  const { sent, painted, picture, add, complete } = rig();
  add(1);
  complete();
  picture(1, bitmap);
  picture(2, null);
  const answers = sent.filter(([name]) => name === "acknowledge");
  expect(answers).toEqual([
    ["acknowledge", 1, 1, [300, 200], expect.any(Number), ""],
    ["acknowledge", 2, 1, [300, 200], -1, "not decoded"],
  ]);
  expect(answers[0]?.[4]).toBeGreaterThan(0);
  expect(painted()).toBe(1);
});

test("a picture that can never be decoded is not asked for for ever", () => {
  const { sent, picture, add, complete } = rig();
  add(1);
  complete();
  // The server repeats whatever is told to have failed, once a second.
  let repeats = 0;
  for (; repeats < 100; repeats++) {
    sent.length = 0;
    picture(repeats, null);
    if (sent.some(([name, , , , result]) => name === "acknowledge" && result !== -1)) break;
    vi.advanceTimersByTime(1_000);
  }
  expect(repeats).toBe(5);
  // What fails much later is another matter.
  vi.advanceTimersByTime(60_000);
  sent.length = 0;
  picture(200, null);
  expect(sent).toEqual([["acknowledge", 200, 1, [300, 200], -1, "not decoded"]]);
});

test("a canvas that the browser has emptied is painted anew", () => {
  const { sent, elementOf, add, complete } = rig();
  add(1);
  complete();
  sent.length = 0;
  elementOf(1).querySelectorAll("canvas")[0]?.dispatchEvent(new Event("contextrestored"));
  expect(sent).toEqual([["refresh", 1]]);
});

test("the buttons of a frame leave the keyboard where it is", () => {
  const { elementOf, add, complete } = rig();
  add(1);
  complete();
  const buttons = elementOf(1).querySelectorAll("button");
  expect(buttons.map(({ title }) => title)).toEqual(["Maximise or restore", "Close window"]);
  for (const button of buttons) expect(button.allows("mousedown")).toBe(false);
});
