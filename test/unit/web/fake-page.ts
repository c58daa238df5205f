import { vi } from "vitest";

/** As much of an element as the page's own code uses. */
export class FakeElement extends EventTarget {
  readonly style: Record<string, string> = {};
  readonly dataset: Record<string, string> = {};
  readonly children: FakeElement[] = [];
  readonly attributes: Record<string, string> = {};
  readonly classList = { toggle: () => undefined };
  readonly clientWidth = 1000;
  readonly clientHeight = 700;
  readonly name: string;
  hidden = false;
  className = "";
  textContent = "";
  title = "";
  width = 0;
  height = 0;
  /** What is painted on a canvas, by the names of the calls. */
  readonly painted: string[] = [];
  #parent: FakeElement | null = null;

  constructor(name: string) {
    super();
    this.name = name;
  }

  append(...items: readonly (FakeElement | string)[]): void {
    for (const item of items) {
      if (typeof item === "string") continue;
      item.#parent = this;
      this.children.push(item);
    }
  }

  remove(): void {
    const siblings = this.#parent?.children ?? [];
    siblings.splice(siblings.indexOf(this), 1);
    this.#parent = null;
  }

  contains(other: unknown): boolean {
    return other === this || this.children.some((child) => child.contains(other));
  }

  querySelectorAll(selector: string): FakeElement[] {
    const names = selector.split(", ");
    return this.children.flatMap((child) => [...(names.includes(child.name) ? [child] : []), ...child.querySelectorAll(selector)]);
  }

  setAttribute(key: string, value: string): void {
    this.attributes[key] = value;
  }

  getContext() {
    return {
      drawImage: () => void this.painted.push("picture"),
      clearRect: () => undefined,
    };
  }

  /** Whether an event at this element keeps what a browser does by itself; it also reaches the elements around, as events do. */
  allows(type: string): boolean {
    const event = new Event(type, { cancelable: true });
    for (let item: FakeElement | null = this; item !== null; item = item.#parent) item.dispatchEvent(event);
    return !event.defaultPrevented;
  }
}

/** A document of such elements, in the place of the global one. */
export class FakeDocument extends EventTarget {
  readonly body = new FakeElement("body");
  activeElement: FakeElement = this.body;
  visibilityState: "visible" | "hidden" = "visible";

  createElement(name: string): FakeElement {
    return new FakeElement(name);
  }

  setVisible(isVisible: boolean): void {
    this.visibilityState = isVisible ? "visible" : "hidden";
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

/** Puts a fresh document in the place of the global one; `vi.unstubAllGlobals()` takes it away. */
export function fakeDocument(): FakeDocument {
  const made = new FakeDocument();
  vi.stubGlobal("document", made);
  return made;
}
