import type { Desktop } from "../xpra/client.ts";
import type { Dispatch } from "./cards/card.ts";
import { button, element } from "./dom.ts";

/** The small menu at the edge of the desktop. */
export interface Toolbar {
  show(display: string): void;
  hide(): void;
  open(): void;
  setDesktop(desktop: Desktop | null): void;
  showClipboard(text: string): void;
}

function canKeepKeys(): boolean {
  return "keyboard" in navigator;
}

/** Keys such as Ctrl+W and Alt+Tab reach the desktop in a full screen, where the browser allows it. */
async function toggleFullScreen(): Promise<void> {
  if (document.fullscreenElement !== null) {
    await document.exitFullscreen();
    return;
  }
  await document.documentElement.requestFullscreen({ navigationUI: "hide" });
  if (canKeepKeys()) {
    const keyboard = (navigator as unknown as { keyboard: { lock?(): Promise<void> } }).keyboard;
    await keyboard.lock?.();
  }
}

function confirmDialog(onConfirm: () => void, onClose: () => void): { dialog: HTMLDialogElement; ask: () => void } {
  const dialog = element("dialog", { class: "card dialog", attributes: { "aria-labelledby": "end-title" } });
  const cancel = button("Keep working", "secondary", () => dialog.close());
  dialog.append(
    element("h2", { id: "end-title", text: "End your session?" }),
    element("p", { text: "All its programs are closed, and what is not saved is lost." }),
    element(
      "p",
      { class: "actions" },
      button("End my session", "danger", () => {
        dialog.close();
        onConfirm();
      }),
      cancel,
    ),
  );
  dialog.addEventListener("close", onClose);
  const ask = () => {
    dialog.showModal();
    // Enter must not end a session by accident.
    cancel.focus();
  };
  return { dialog, ask };
}

/** Makes the menu inside its element. */
export function createToolbar(host: HTMLElement, dispatch: Dispatch): Toolbar {
  let desktop: Desktop | null = null;
  const back = () => desktop?.focus();
  const { dialog, ask } = confirmDialog(() => dispatch({ type: "end-session" }), back);
  const name = element("span", { class: "tool-name" });
  const clipboard = element("textarea", {
    id: "clipboard-text",
    attributes: { rows: "5", spellcheck: "false", placeholder: "Nothing was copied yet." },
    on: { input: () => desktop?.setClipboard(clipboard.value) },
  });
  const clipboardPanel = element(
    "div",
    { class: "tool-clipboard" },
    element("label", { text: "Clipboard of the desktop", attributes: { for: "clipboard-text" } }),
    clipboard,
  );
  clipboardPanel.hidden = true;
  const clipboardButton = button("Clipboard", "tool", () => {
    clipboardPanel.hidden = !clipboardPanel.hidden;
    clipboardButton.setAttribute("aria-expanded", String(!clipboardPanel.hidden));
    if (!clipboardPanel.hidden) clipboard.select();
  });
  clipboardButton.setAttribute("aria-expanded", "false");
  const screenKeyboard = button("Keyboard", "tool", () => {
    setOpen(false);
    screenKeyboard.setAttribute("aria-pressed", String(desktop?.toggleScreenKeyboard() ?? false));
  });
  screenKeyboard.setAttribute("aria-pressed", "false");
  // Where there is no touch screen there is a real keyboard.
  screenKeyboard.hidden = navigator.maxTouchPoints === 0;
  const signOut = button("Sign out", "tool", () => dispatch({ type: "sign-out" }));
  signOut.append(element("small", { text: "The session keeps running" }));
  const end = button("End my session", "tool danger-text", ask);
  end.append(element("small", { text: "Closes all its programs" }));
  const menu = element(
    "div",
    { class: "tool-menu", id: "tool-menu", attributes: { role: "group", "aria-label": "Menu" } },
    name,
    screenKeyboard,
    clipboardButton,
    clipboardPanel,
    button("Full screen", "tool", () => {
      setOpen(false);
      toggleFullScreen().catch(() => undefined);
    }),
    signOut,
    end,
  );
  const tab = button("", "tool-tab", () => setOpen(menu.hidden === true));
  tab.id = "tool-tab";
  tab.title = "Menu (Ctrl+Alt+Shift+M)";
  tab.setAttribute("aria-label", "Menu");
  tab.setAttribute("aria-controls", "tool-menu");

  function setOpen(isOpen: boolean): void {
    menu.hidden = !isOpen;
    tab.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) (screenKeyboard.hidden ? clipboardButton : screenKeyboard).focus();
    else back();
  }

  host.append(tab, menu, dialog);
  host.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !dialog.open) setOpen(false);
  });
  document.addEventListener("pointerdown", (event) => {
    if (!menu.hidden && event.target instanceof Node && !host.contains(event.target)) setOpen(false);
  });
  menu.hidden = true;
  tab.setAttribute("aria-expanded", "false");

  return {
    show: (title) => {
      name.textContent = title;
      host.hidden = false;
    },
    hide: () => {
      menu.hidden = true;
      tab.setAttribute("aria-expanded", "false");
      dialog.close();
      host.hidden = true;
    },
    open: () => setOpen(true),
    setDesktop: (next) => {
      desktop = next;
      clipboard.value = "";
      screenKeyboard.setAttribute("aria-pressed", "false");
    },
    showClipboard: (text) => {
      clipboard.value = text;
    },
  };
}
