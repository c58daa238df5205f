import type { XpraClient, XpraDraw, XpraWindow } from "xpra-html5-client";
import type { Connection } from "./connection.ts";
import { type Box, edgesOf, fitScale, placeWindow, type Size, titleBarHeight } from "./geometry.ts";
import { isDecorated, RemoteWindow, type WindowActions } from "./remote-window.ts";
import { layers, Stack, type Standing } from "./stack.ts";

/** In the place of the microseconds that a picture took: the server sends the whole window again after an error, and nothing after the other. */
const decodeError = -1;
const decodeSkipped = 0;

/** How windows lay; their ids stay the same as long as their session is there. */
export interface Arrangement {
  /** From the back to the front. */
  readonly order: readonly number[];
  readonly focused: number;
}

function standingOf({ attributes }: RemoteWindow): Standing {
  const { metadata, overrideRedirect } = attributes;
  const parent = metadata["transient-for"] ?? 0;
  if (overrideRedirect) return { layer: layers.popup, parent };
  if ((metadata["window-type"] ?? []).includes("DESKTOP")) return { layer: layers.desktop, parent };
  if (metadata.above) return { layer: layers.above, parent };
  return { layer: metadata.below ? layers.below : layers.normal, parent };
}

/** All windows of a session, and what the server and the user do with them. */
export class WindowSet {
  readonly #connection: Connection;
  readonly #host: HTMLElement;
  readonly #onPainted: () => void;
  readonly #windows = new Map<number, RemoteWindow>();
  readonly #actions: WindowActions;
  readonly #stack: Stack;
  readonly #before: Arrangement | null;
  /** All windows that were there at the start have come. */
  #isComplete = false;
  #isDesktopServer = false;
  #focused = 0;
  #count = 0;

  /** `before`: how the windows lay when this page showed the same session last. */
  constructor(connection: Connection, host: HTMLElement, before: Arrangement | null, onPainted: () => void) {
    this.#connection = connection;
    this.#before = before;
    this.#stack = new Stack((id) => {
      const window = this.#windows.get(id);
      return window === undefined ? undefined : standingOf(window);
    });
    this.#host = host;
    this.#onPainted = onPainted;
    this.#actions = {
      focus: (window) => this.focus(window),
      close: (window) => connection.client.sendCloseWindow(window.id),
      toggleMaximised: (window) => this.#toggleMaximised(window),
      moved: (window, box) => this.#reshape(window, box),
      done: (window, draw, isPainted) => this.#acknowledge(window, draw, isPainted),
      blank: (window) => connection.client.sendBufferRefresh(window.id),
    };
    this.#listen(connection.client);
  }

  /** The window that has the keyboard; 0 when none has. */
  get focused(): number {
    return this.#focused;
  }

  /** How many windows there are. */
  get size(): number {
    return this.#windows.size;
  }

  /** How the windows lie; as long as they have not all come, how they are to lie. */
  get arrangement(): Arrangement | null {
    return this.#isComplete ? { order: this.#stack.order, focused: this.#focused } : this.#before;
  }

  /** Whether the whole session is one window: a desktop with its own window manager. */
  setDesktopServer(isDesktopServer: boolean): void {
    this.#isDesktopServer = isDesktopServer;
  }

  /** The window under an element of the page. */
  windowAt(target: EventTarget | null): RemoteWindow | null {
    if (!(target instanceof HTMLCanvasElement)) return null;
    for (const window of this.#windows.values()) if (window.canvas === target) return window;
    return null;
  }

  /** A place on a window's canvas: on the whole desktop, and inside the window. */
  position(window: RemoteWindow, event: { readonly clientX: number; readonly clientY: number }): [number, number, number, number] {
    const shown = window.canvas.getBoundingClientRect();
    const scale = shown.width > 0 ? window.canvas.width / shown.width : 1;
    const x = Math.round((event.clientX - shown.left) * scale);
    const y = Math.round((event.clientY - shown.top) * scale);
    return [window.box.x + x, window.box.y + y, x, y];
  }

  /** Raises a window and gives it the keyboard. */
  focus(window: RemoteWindow): void {
    if (window.attributes.overrideRedirect) return;
    this.#raise(window);
    if (this.#focused === window.id) return;
    const before = this.#windows.get(this.#focused);
    this.#focused = window.id;
    this.#connection.send(["focus", window.id, []]);
    if (before !== undefined) this.#showFocus(before, false);
    this.#showFocus(window, true);
  }

  /** The place for the session changed its size. */
  fit(place: Size): void {
    if (this.#isDesktopServer) {
      for (const window of this.#windows.values()) {
        // The server makes its screen as large as it can and answers with the size it got.
        this.#connection.client.sendGeometryWindow(window.id, [0, 0], [place.w, place.h]);
        this.#scale(window);
      }
      return;
    }
    this.#connection.send(["configure-display", { "desktop-size": [place.w, place.h] }]);
    for (const window of this.#windows.values()) {
      if (window.restoreBox !== null) this.#reshape(window, this.#whole(window));
      else if (window.isFramed) this.#reshape(window, placeWindow(window.box, place, true, 0));
    }
  }

  /** Takes all windows off the page. */
  clear(): void {
    for (const window of this.#windows.values()) window.element.remove();
    this.#windows.clear();
    this.#stack.clear();
  }

  #listen(client: XpraClient): void {
    client.on("newWindow", (attributes) => this.#add(attributes));
    client.on("removeWindow", (id) => this.#remove(id));
    client.on("draw", (draw) => this.#windows.get(draw.wid)?.painter.expect(draw));
    client.on("drawBuffer", (draw, bitmap) => {
      const window = this.#windows.get(draw.wid);
      if (window === undefined) bitmap?.close();
      else window.painter.decoded(draw, bitmap);
    });
    client.on("drawScroll", (draw) => this.#windows.get(draw.wid)?.painter.scrolled(draw));
    client.on("raiseWindow", (id) => this.#with(id, (window) => this.focus(window)));
    client.on("moveResizeWindow", ({ wid, position, dimension }) =>
      this.#with(wid, (window) => {
        const [x, y] = position ?? [window.box.x, window.box.y];
        const [w, h] = dimension ?? [window.box.w, window.box.h];
        this.#resized(window, this.#isDesktopServer ? { x: 0, y: 0, w, h } : { x, y, w, h });
      }),
    );
    client.on("updateWindowMetadata", ({ wid, metadata }) =>
      this.#with(wid, (window) => {
        Object.assign(window.attributes.metadata, metadata);
        if (metadata.title !== undefined) window.setTitle(metadata.title);
        if (metadata.maximized !== undefined || metadata.fullscreen !== undefined) this.#followState(window);
        if (metadata.iconic) this.#showAgain(window);
        if (["above", "below", "transient-for"].some((name) => name in metadata)) this.#layOut();
      }),
    );
    client.on("sessionStarted", () => this.#complete());
    client.on("initiateMoveResize", ({ wid, position, direction }) =>
      this.#with(wid, (window) => {
        const edges = edgesOf(direction);
        const origin = this.#host.getBoundingClientRect();
        if (edges !== null) window.drag(edges, { x: position[0] + origin.left, y: position[1] + origin.top });
      }),
    );
  }

  #with(id: number, action: (window: RemoteWindow) => void): void {
    const window = this.#windows.get(id);
    if (window !== undefined) action(window);
  }

  #place(): Size {
    return { w: this.#host.clientWidth, h: this.#host.clientHeight };
  }

  #add(attributes: XpraWindow): void {
    const [x, y] = attributes.position;
    const [w, h] = attributes.dimension;
    const isFramed = isDecorated(attributes, this.#isDesktopServer);
    const asked: Box = { x, y, w, h };
    const hasPlace = x !== 0 || y !== 0;
    const box = isFramed ? placeWindow(asked, this.#place(), hasPlace, this.#count) : asked;
    const window = new RemoteWindow(attributes, this.#isDesktopServer ? { x: 0, y: 0, w, h } : box, isFramed, this.#actions);
    this.#count += 1;
    this.#windows.set(window.id, window);
    this.#host.append(window.element);
    this.#raise(window);
    if (!attributes.overrideRedirect) {
      const at: XpraWindow = { ...attributes, position: [window.box.x, window.box.y] };
      this.#connection.client.sendMapWindow(at);
      if (attributes.metadata.iconic) this.#showAgain(window);
      // Those of the start come in the order of their making, whatever the user did with them later.
      if (this.#isComplete) this.focus(window);
    }
    if (this.#isDesktopServer) {
      const place = this.#place();
      if (place.w !== w || place.h !== h) {
        this.#connection.client.sendGeometryWindow(window.id, [0, 0], [place.w, place.h]);
      }
      this.#scale(window);
    } else if (attributes.metadata.maximized || attributes.metadata.fullscreen) {
      this.#rememberSmaller(window);
      this.#followState(window);
    }
  }

  #remove(id: number): void {
    const window = this.#windows.get(id);
    if (window === undefined) return;
    window.element.remove();
    this.#windows.delete(id);
    this.#stack.remove(id);
    if (this.#focused !== id) return;
    this.#focused = 0;
    if (this.#isComplete) this.#focusFront();
  }

  /** All windows of the start are there: they lie as before, and the one that had the keyboard has it again. */
  #complete(): void {
    if (this.#isComplete) return;
    this.#isComplete = true;
    const { order, focused } = this.#before ?? { order: [], focused: 0 };
    this.#stack.restore(order);
    this.#layOut();
    const window = this.#windows.get(focused);
    if (window === undefined) this.#focusFront();
    else this.focus(window);
    // What the session remembers as active may be another one.
    for (const other of this.#windows.values()) {
      if (other.id !== this.#focused && !other.attributes.overrideRedirect) this.#showFocus(other, false);
    }
  }

  #focusFront(): void {
    const front = this.#stack.order.findLast((id) => this.#windows.get(id)?.attributes.overrideRedirect === false);
    if (front !== undefined) this.#with(front, (window) => this.focus(window));
  }

  #raise(window: RemoteWindow): void {
    this.#stack.raise(window.id);
    this.#layOut();
  }

  #layOut(): void {
    for (const [place, id] of this.#stack.order.entries()) {
      this.#with(id, ({ element }) => {
        const depth = String(place + 1);
        if (element.style.zIndex !== depth) element.style.zIndex = depth;
      });
    }
  }

  /** There is no place here from which a user could bring back a window that was put away: the program is told that it was not. */
  #showAgain(window: RemoteWindow): void {
    if (!window.attributes.overrideRedirect) this.#tellState(window, { iconified: false });
  }

  /** Programs draw themselves as active or not by a state of their window, not by having the keyboard. */
  #showFocus(window: RemoteWindow, isFocused: boolean): void {
    window.element.classList.toggle("focused", isFocused);
    this.#tellState(window, { focused: isFocused });
  }

  #tellState(window: RemoteWindow, state: object): void {
    const { x, y, w, h } = window.box;
    this.#connection.client.sendConfigureWindow(window.id, [x, y], [w, h], {}, state, true);
  }

  /** The user moved or sized a window: show it at once and tell the server. */
  #reshape(window: RemoteWindow, box: Box): void {
    const isSized = window.place(box);
    this.#connection.client.sendGeometryWindow(window.id, [box.x, box.y], [box.w, box.h]);
    // Without asking for it the new part of the picture may stay black.
    if (isSized) this.#connection.client.sendBufferRefresh(window.id);
  }

  /** The server moved or sized a window. */
  #resized(window: RemoteWindow, box: Box): void {
    const isSized = window.place(box);
    this.#scale(window);
    if (isSized) this.#connection.client.sendBufferRefresh(window.id);
  }

  /** Shows a desktop that is larger than its place smaller, so that all of it can be reached. */
  #scale(window: RemoteWindow): void {
    if (!this.#isDesktopServer) return;
    const scale = fitScale(this.#place(), { w: window.canvas.width, h: window.canvas.height });
    window.canvas.style.width = scale < 1 ? `${Math.floor(window.canvas.width * scale)}px` : "";
    window.canvas.style.height = scale < 1 ? `${Math.floor(window.canvas.height * scale)}px` : "";
  }

  #whole(window: RemoteWindow): Box {
    const place = this.#place();
    const bar = window.isFramed && !window.attributes.metadata.fullscreen ? titleBarHeight : 0;
    return { x: 0, y: bar, w: place.w, h: place.h - bar };
  }

  /** A window that was large already when this page came gets a size to return to. */
  #rememberSmaller(window: RemoteWindow): void {
    const place = this.#place();
    const smaller = { x: 0, y: 0, w: Math.round(place.w * 0.7), h: Math.round(place.h * 0.7) };
    window.restoreBox = placeWindow(smaller, place, false, 0);
  }

  #toggleMaximised(window: RemoteWindow): void {
    const whole = this.#whole(window);
    const fills = window.box.w >= whole.w && window.box.h >= whole.h;
    if (fills && window.restoreBox === null) this.#rememberSmaller(window);
    window.attributes.metadata.maximized = window.restoreBox === null;
    this.#followState(window);
  }

  #followState(window: RemoteWindow): void {
    const { maximized, fullscreen } = window.attributes.metadata;
    window.element.classList.toggle("fullscreen", fullscreen === true);
    if (maximized || fullscreen) {
      window.restoreBox ??= window.box;
      this.#reshape(window, this.#whole(window));
    } else if (window.restoreBox !== null) {
      const box = window.restoreBox;
      window.restoreBox = null;
      this.#reshape(window, box);
    }
    const { x, y, w, h } = window.box;
    const state = { maximized: maximized === true };
    this.#connection.client.sendConfigureWindow(window.id, [x, y], [w, h], {}, state as object, false);
  }

  #acknowledge(window: RemoteWindow, draw: XpraDraw, isPainted: boolean): void {
    const acknowledge = (result: number, words: string) =>
      this.#connection.client.sendDamageSequence(draw.packetSequence, window.id, draw.dimension, result, words);
    if (!isPainted) {
      acknowledge(window.repeats.mayAsk(performance.now()) ? decodeError : decodeSkipped, "not decoded");
      return;
    }
    acknowledge(Math.max(1, Math.round(1000 * (performance.now() - draw.startTime))), "");
    this.#onPainted();
  }
}
