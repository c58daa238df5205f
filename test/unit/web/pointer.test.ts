import { expect, test } from "vitest";
import { connectPointer, type PointerOptions } from "../../../web/src/xpra/pointer.ts";

/** A mouse on a desktop with one window, and what the session was told of its buttons. */
function mouse(inOrder: PointerOptions["inOrder"] = (action) => action()) {
  const told: string[] = [];
  const end = new AbortController();
  const host = new EventTarget();
  const target = { id: 7, canvas: { setPointerCapture: () => undefined } };
  const own = { isOverWindow: true };
  const pointer = connectPointer({
    connection: {
      send([kind, id, ...more]: unknown[]) {
        if (kind === "button-action") told.push(`${more[1] === true ? "press" : "release"} ${more[0]} on ${id} at ${String(more[2])}`);
      },
    },
    windows: {
      windowAt: () => (own.isOverWindow ? target : null),
      position: (_: unknown, event: { clientX: number; clientY: number }) => [event.clientX, event.clientY],
      focus: () => told.push("focus"),
    },
    clipboard: { giveToBrowser: () => undefined },
    ...{ host, isMac: false, focus: () => undefined, inOrder, signal: end.signal },
  } as unknown as PointerOptions);
  const event = (type: string, buttons: number, clientX = 1): void => {
    const details = { pointerType: "mouse", pointerId: 1, buttons, clientX, clientY: 2, getModifierState: () => false };
    host.dispatchEvent(Object.assign(new Event(type, { cancelable: true }), details));
  };
  return { told, own, pointer, event, end: () => end.abort() };
}

test("two buttons at once are pressed and let go, each for itself", () => {
  const { told, event } = mouse();
  event("pointerdown", 1);
  event("pointermove", 3);
  event("pointermove", 2);
  event("pointerup", 0);
  expect(told.filter((each) => each !== "focus")).toEqual([
    "press 1 on 7 at 1,2",
    "press 3 on 7 at 1,2",
    "release 1 on 7 at 1,2",
    "release 3 on 7 at 1,2",
  ]);
});

test("the buttons that go back and forth are not those of the wheel", () => {
  const { told, event } = mouse();
  for (const buttons of [8, 0, 16, 0, 4, 0]) event(buttons === 0 ? "pointerup" : "pointerdown", buttons);
  const pressed = told.filter((each) => each.startsWith("press")).map((each) => each.split(" ")[1]);
  expect(pressed).toEqual(["8", "9", "2"]);
});

test("a button is let go where the mouse was when its window has gone, and nothing is pressed beside the windows", () => {
  const { told, own, event } = mouse();
  event("pointerdown", 1, 5);
  own.isOverWindow = false;
  event("pointermove", 3, 90);
  event("pointerup", 0, 95);
  event("pointerdown", 1, 99);
  expect(told).toEqual(["focus", "press 1 on 7 at 5,2", "release 1 on 7 at 5,2"]);
});

test("a press waits for the keys before it, with the window that they are not for", () => {
  const waiting: (() => void)[] = [];
  const { told, event } = mouse((action) => waiting.push(action));
  event("pointerdown", 1);
  event("pointerup", 0);
  expect(told).toEqual([]);
  for (const action of waiting) action();
  expect(told).toEqual(["focus", "press 1 on 7 at 1,2", "release 1 on 7 at 1,2"]);
});

test("a button that is held when the line breaks is let go in the next connection, once", () => {
  const before = mouse();
  before.event("pointerdown", 1, 40);
  before.end();
  const after = mouse();
  after.pointer.releaseHeld();
  after.pointer.releaseHeld();
  expect(after.told).toEqual(["release 1 on 7 at 40,2"]);
});
