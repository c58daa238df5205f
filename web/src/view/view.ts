import { typeOfDisplay } from "../address.ts";
import type { Model, View } from "../model.ts";
import type { Desktop, Notice } from "../xpra/client.ts";
import type { Card, Dispatch } from "./cards/card.ts";
import { chooseCard } from "./cards/choose.ts";
import { elsewhereCard } from "./cards/elsewhere.ts";
import { endedCard } from "./cards/ended.ts";
import { errorCard } from "./cards/error.ts";
import { reconnectingCard } from "./cards/reconnecting.ts";
import { signInCard } from "./cards/sign-in.ts";
import { startingCard } from "./cards/starting.ts";
import { element } from "./dom.ts";
import { createNotices } from "./notices.ts";
import { createToolbar } from "./toolbar.ts";

/** The page as the user sees it. */
export interface PageView {
  show(model: Model): void;
  /** The element that a desktop fills. */
  desktopHost(): HTMLElement;
  setDesktop(desktop: Desktop): void;
  clearDesktop(): void;
  openToolbar(): void;
  showClipboard(text: string): void;
  showNotice(notice: Notice): void;
}

const quietWords = "The connection is interrupted. Waiting for it to come back.";

function byId(document: Document, id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element "${id}"`);
  return found;
}

function makeCard(model: Model, dispatch: Dispatch): Card | null {
  const { view } = model;
  switch (view.name) {
    case "sign-in":
      return signInCard(model, view, dispatch);
    case "choose":
      return chooseCard(model, view, dispatch);
    case "starting":
      return startingCard(model, view, dispatch);
    case "elsewhere":
      return elsewhereCard(titleOf(model, view.display), view, dispatch);
    case "working":
      return null;
    case "reconnecting":
      return reconnectingCard(view, dispatch);
    case "ended":
      return endedCard(model, view, dispatch);
    case "error":
      return errorCard(model, view, dispatch);
  }
}

/** Whether the next view is the same card with other words. */
function isSameCard(before: View | null, after: View): boolean {
  if (before === null || before.name !== after.name) return false;
  if (after.name === "starting" && before.name === "starting") return before.startedAtMs === after.startedAtMs;
  if (after.name === "sign-in" && before.name === "sign-in") return before.notice === after.notice;
  return after.name === "reconnecting" || after.name === "working";
}

const pageTitles: Readonly<Record<View["name"], string>> = {
  "sign-in": "Sign in",
  choose: "Choose",
  starting: "Opening",
  elsewhere: "Open elsewhere",
  working: "",
  reconnecting: "Connecting again",
  ended: "Ended",
  error: "Problem",
};

/** The title of a session type, or the name that was asked for. */
function titleOf(model: Model, display: string): string {
  const type = model.identity === null ? undefined : typeOfDisplay(display, model.identity);
  return type?.title ?? display;
}

/** Connects the page's elements with the state machine. */
export function createView(document: Document, dispatch: Dispatch): PageView {
  const page = byId(document, "page");
  const desktopHost = byId(document, "desktop");
  const notices = createNotices(byId(document, "notices"), () => desktop?.focus());
  const toolbar = createToolbar(byId(document, "tools"), dispatch);
  const title = document.title;
  const quiet = element("div", { class: "quiet-line", attributes: { role: "status" } });
  desktopHost.after(quiet);
  let shown: View | null = null;
  let card: Card | null = null;
  let desktop: Desktop | null = null;

  function show(model: Model): void {
    const { view } = model;
    document.body.dataset.state = view.name;
    const isDesktopShown = view.name === "working" || view.name === "reconnecting";
    // While a session starts its desktop is already laid out, so that it knows its size.
    desktopHost.hidden = !isDesktopShown && view.name !== "starting";
    desktopHost.inert = view.name !== "working";
    quiet.textContent = view.name === "working" && view.isQuiet ? quietWords : "";
    if (view.name === "working") toolbar.show(titleOf(model, view.display));
    else toolbar.hide();
    const words = view.name === "working" ? titleOf(model, view.display) : pageTitles[view.name];
    document.title = words === "" ? title : `${words} - ${title}`;
    if (isSameCard(shown, view)) {
      card?.update?.(view);
    } else {
      card?.stop?.();
      card = makeCard(model, dispatch);
      page.replaceChildren(...(card === null ? [] : [card.root]));
      page.hidden = card === null;
      if (card === null) desktop?.focus();
      else card.focus?.focus();
    }
    shown = view;
    notices.hold(view.name === "starting");
    if (!isDesktopShown && view.name !== "starting") toolbar.setDesktop(null);
  }

  return {
    show,
    desktopHost: () => desktopHost,
    setDesktop: (next) => {
      desktop = next;
      toolbar.setDesktop(next);
    },
    clearDesktop: () => {
      desktop = null;
      toolbar.setDesktop(null);
      desktopHost.replaceChildren();
    },
    openToolbar: () => toolbar.open(),
    showClipboard: (text) => toolbar.showClipboard(text),
    showNotice: notices.show,
  };
}
