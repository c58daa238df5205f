import type { XpraDraw, XpraWindow } from "xpra-html5-client";
import { type Box, type DragEdges, dragBox, titleBarHeight } from "./geometry.ts";
import { Painter } from "./painter.ts";
import { Repeats } from "./repeats.ts";

/** What a window asks of its surroundings. */
export interface WindowActions {
  focus(window: RemoteWindow): void;
  close(window: RemoteWindow): void;
  toggleMaximised(window: RemoteWindow): void;
  moved(window: RemoteWindow, box: Box): void;
  /** A picture was painted, or could not be. */
  done(window: RemoteWindow, draw: XpraDraw, isPainted: boolean): void;
  /** What was painted is lost. */
  blank(window: RemoteWindow): void;
}

const bareTypes = new Set(["DESKTOP", "DROPDOWN", "TOOLTIP", "POPUP_MENU", "MENU", "COMBO", "NOTIFICATION", "DOCK", "SPLASH", "DND"]);

/** Whether this page draws a title bar around a window. */
export function isDecorated(attributes: XpraWindow, isDesktopServer: boolean): boolean {
  if (isDesktopServer || attributes.overrideRedirect || attributes.metadata.decorations === 0) return false;
  return !(attributes.metadata["window-type"] ?? []).some((type) => bareTypes.has(type));
}

function button(label: string, symbol: string, action: () => void): HTMLButtonElement {
  const element = document.createElement("button");
  element.type = "button";
  element.className = `frame-button frame-${symbol}`;
  element.title = label;
  element.setAttribute("aria-label", label);
  element.tabIndex = -1;
  element.addEventListener("click", action);
  return element;
}

const wholeWindow: DragEdges = { left: false, right: false, top: false, bottom: false, move: true };

/** A window of the session: its canvas and, in a seamless session, the frame around it. */
export class RemoteWindow {
  readonly id: number;
  readonly attributes: XpraWindow;
  readonly element: HTMLElement;
  readonly painter: Painter;
  readonly repeats = new Repeats();
  readonly isFramed: boolean;
  box: Box;
  /** Where a maximised window returns to. */
  restoreBox: Box | null = null;
  readonly #actions: WindowActions;
  readonly #title: HTMLElement | null = null;

  constructor(attributes: XpraWindow, box: Box, isFramed: boolean, actions: WindowActions) {
    this.id = attributes.id;
    this.attributes = attributes;
    this.isFramed = isFramed;
    this.box = box;
    this.#actions = actions;
    this.element = document.createElement("div");
    this.element.className = isFramed ? "window framed" : "window";
    this.element.dataset.wid = String(attributes.id);
    const canvas = document.createElement("canvas");
    canvas.width = box.w;
    canvas.height = box.h;
    this.painter = new Painter(canvas, attributes.metadata["has-alpha"] === true, (draw, isPainted) => actions.done(this, draw, isPainted));
    // A browser whose graphics process has failed gives back an empty canvas.
    canvas.addEventListener("contextrestored", () => actions.blank(this));
    if (isFramed) {
      this.#title = document.createElement("span");
      this.#title.className = "frame-title";
      this.element.append(this.#makeBar(this.#title));
    }
    this.element.append(canvas);
    if (isFramed) this.#addHandles();
    this.setTitle(attributes.metadata.title ?? "");
    this.place(box);
  }

  get canvas(): HTMLCanvasElement {
    return this.painter.canvas;
  }

  /** Shows the window's title in its frame. */
  setTitle(title: string): void {
    if (this.#title !== null) this.#title.textContent = title;
  }

  /** Moves and sizes the window on the page. Returns whether its size changed. */
  place(box: Box): boolean {
    this.box = box;
    const style = this.element.style;
    style.left = `${box.x}px`;
    style.top = `${box.y - (this.isFramed ? titleBarHeight : 0)}px`;
    return this.painter.resize(box.w, box.h);
  }

  /** Follows the mouse until its button is released. */
  drag(edges: DragEdges, from: { readonly x: number; readonly y: number }): void {
    const start = this.box;
    const follow = (event: PointerEvent) => {
      if (event.buttons === 0) {
        stop();
        return;
      }
      const box = dragBox(start, edges, Math.round(event.clientX - from.x), Math.round(event.clientY - from.y));
      this.restoreBox = null;
      this.#actions.moved(this, box);
    };
    const stop = () => {
      window.removeEventListener("pointermove", follow, true);
      window.removeEventListener("pointerup", stop, true);
      document.body.classList.remove("dragging");
    };
    document.body.classList.add("dragging");
    window.addEventListener("pointermove", follow, true);
    window.addEventListener("pointerup", stop, true);
  }

  #makeBar(title: HTMLElement): HTMLElement {
    const bar = document.createElement("div");
    bar.className = "frame-bar";
    bar.append(
      title,
      button("Maximise or restore", "maximise", () => this.#actions.toggleMaximised(this)),
      button("Close window", "close", () => this.#actions.close(this)),
    );
    bar.addEventListener("pointerdown", (event) => {
      this.#actions.focus(this);
      if (event.button === 0 && !(event.target instanceof HTMLButtonElement)) {
        event.preventDefault();
        this.drag(wholeWindow, { x: event.clientX, y: event.clientY });
      }
    });
    // A button that is clicked would take the keyboard from the desktop.
    bar.addEventListener("mousedown", (event) => event.preventDefault());
    bar.addEventListener("dblclick", () => this.#actions.toggleMaximised(this));
    return bar;
  }

  #addHandles(): void {
    for (const place of ["right", "bottom", "corner"] as const) {
      const handle = document.createElement("div");
      handle.className = `frame-handle frame-handle-${place}`;
      handle.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        const edges = { left: false, top: false, move: false, right: place !== "bottom", bottom: place !== "right" };
        this.drag(edges, { x: event.clientX, y: event.clientY });
      });
      this.element.append(handle);
    }
  }
}
