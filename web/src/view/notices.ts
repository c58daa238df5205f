import type { Notice } from "../xpra/client.ts";
import { button, element } from "./dom.ts";

/** The small notes in the corner of the page. */
export interface Notices {
  show(notice: Notice): void;
  /** Whether the user looks at something else, so that all notes stay until later. */
  hold(isHeld: boolean): void;
}

/** So long a note is there to be read. */
const noticeMs = 8_000;

/** Makes what shows notes inside an element; `giveBack` is called when the keyboard was at one that has gone. */
export function createNotices(host: HTMLElement, giveBack: () => void): Notices {
  const timers = new Map<HTMLElement, ReturnType<typeof setTimeout> | undefined>();
  let isHeld = false;

  function remove(toast: HTMLElement): void {
    clearTimeout(timers.get(toast));
    timers.delete(toast);
    const active = document.activeElement;
    // Not every browser gives the keyboard to a button that is clicked: it may have gone to nobody.
    const isLost = active === null || active === document.body || toast.contains(active);
    toast.remove();
    if (isLost) giveBack();
  }

  /** The time to read counts only while the notes can be seen, and anew after an interruption. */
  function count(): void {
    const isSeen = !isHeld && document.visibilityState === "visible";
    for (const [toast, timer] of timers) {
      if (isSeen && timer === undefined) timers.set(toast, setTimeout(remove, noticeMs, toast));
      if (isSeen) continue;
      clearTimeout(timer);
      timers.set(toast, undefined);
    }
  }

  document.addEventListener("visibilitychange", count);
  return {
    show: ({ title, text, url }) => {
      const toast = element("div", { class: "toast" }, element("strong", { text: title }));
      if (text !== "") toast.append(element("p", { text }));
      if (url !== undefined) {
        const attributes = { href: url, target: "_blank", rel: "noopener noreferrer" };
        toast.append(element("a", { class: "button secondary", text: "Open", attributes }));
      }
      toast.append(button("Close", "quiet", () => remove(toast)));
      // A button or link that is clicked would take the keyboard from the desktop; the words can still be selected.
      for (const item of toast.querySelectorAll("a, button")) item.addEventListener("mousedown", (event) => event.preventDefault());
      host.append(toast);
      timers.set(toast, undefined);
      count();
    },
    hold: (next) => {
      isHeld = next;
      count();
    },
  };
}
