import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createNotices, type Notices } from "../../../web/src/view/notices.ts";
import { type FakeDocument, FakeElement, fakeDocument } from "./fake-page.ts";

const readMs = 8_000;

let page: FakeDocument;
let host: FakeElement;
let notices: Notices;
let givenBack = 0;

beforeEach(() => {
  vi.useFakeTimers();
  page = fakeDocument();
  host = new FakeElement("div");
  givenBack = 0;
  notices = createNotices(host as unknown as HTMLElement, () => givenBack++);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const shown = () => host.children.length;
const show = () => notices.show({ title: "This is a new session", text: "The last one was ended." });

test("a note goes by itself", () => {
  show();
  vi.advanceTimersByTime(readMs - 1);
  expect(shown()).toBe(1);
  vi.advanceTimersByTime(1);
  expect(shown()).toBe(0);
});

test("a note waits until it can be seen, and has its whole time then", () => {
  page.setVisible(false);
  notices.hold(true);
  show();
  vi.advanceTimersByTime(600_000);
  page.setVisible(true);
  vi.advanceTimersByTime(600_000);
  notices.hold(false);
  vi.advanceTimersByTime(readMs - 1);
  page.setVisible(false);
  vi.advanceTimersByTime(600_000);
  page.setVisible(true);
  vi.advanceTimersByTime(readMs - 1);
  expect(shown()).toBe(1);
  vi.advanceTimersByTime(1);
  expect(shown()).toBe(0);
});

test("a note that goes gives the keyboard back, unless it is somewhere else", () => {
  show();
  const [close] = host.querySelectorAll("button");
  page.activeElement = close as FakeElement;
  close?.dispatchEvent(new Event("click"));
  expect([shown(), givenBack]).toEqual([0, 1]);
  show();
  page.activeElement = new FakeElement("textarea");
  vi.advanceTimersByTime(readMs);
  expect([shown(), givenBack]).toEqual([0, 1]);
  // Nobody has it: a browser may take it away from what had it without giving it to the button.
  show();
  page.activeElement = page.body;
  host.querySelectorAll("button")[0]?.dispatchEvent(new Event("click"));
  expect([shown(), givenBack]).toEqual([0, 2]);
});

test("the button and the link of a note leave the keyboard where it is", () => {
  notices.show({ title: "The desktop wants to open an address", text: "https://example.org/", url: "https://example.org/" });
  const items = host.querySelectorAll("a, button");
  expect(items.map(({ textContent }) => textContent)).toEqual(["Open", "Close"]);
  for (const item of items) expect(item.allows("mousedown")).toBe(false);
});
