import type { Event, View } from "../../model.ts";
import type { Problem } from "../../types.ts";
import { element } from "../dom.ts";

/** Sends an event to the page's state machine. */
export type Dispatch = (event: Event) => void;

/** A card on the page, and how it follows a change that keeps the same view. */
export interface Card {
  readonly root: HTMLElement;
  /** What gets the keyboard when the card appears. */
  readonly focus?: HTMLElement;
  update?(view: View): void;
  stop?(): void;
}

/** A view by its name. */
export type ViewNamed<Name extends View["name"]> = Extract<View, { name: Name }>;

/** The words of a problem; hidden when there is none. */
export function problemBox(found: Problem | undefined): HTMLElement {
  const box = element("div", { class: "problem", attributes: { role: "alert" } });
  if (found === undefined) {
    box.hidden = true;
    return box;
  }
  box.dataset.reason = found.reason;
  box.append(element("strong", { text: found.what }));
  if (found.why !== undefined) box.append(element("p", { class: "why", text: found.why }));
  if (found.tryThis !== undefined) box.append(element("p", { text: found.tryThis }));
  return box;
}

/** A card's title; it can be given the keyboard, so that a screen reader says it. */
export function heading(text: string): HTMLHeadingElement {
  return element("h1", { text, attributes: { tabindex: "-1" } });
}
