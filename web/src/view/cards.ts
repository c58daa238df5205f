import type { Event, Model, View } from "../state.ts";
import type { Problem, SessionType } from "../types.ts";
import { elapsedWords } from "../words.ts";
import { button, element, picture } from "./dom.ts";

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

type ViewNamed<Name extends View["name"]> = Extract<View, { name: Name }>;

const icons: Readonly<Record<string, string>> = {
  desktop: "/icons/desktop.svg",
  seamless: "/icons/windows.svg",
  windows: "/icons/windows.svg",
  failsafe: "/icons/terminal.svg",
  terminal: "/icons/terminal.svg",
};

/** The picture of a session type: by its own icon's name when this page has it, else by its name. */
export function iconOf(type: SessionType): string {
  const named = icons[type.icon ?? ""];
  if (named !== undefined) return named;
  const key = Object.keys(icons).find((word) => word !== "desktop" && type.name.includes(word));
  return icons[key ?? "desktop"] ?? "/icons/desktop.svg";
}

function problemBox(found: Problem | undefined): HTMLElement {
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

function heading(text: string): HTMLHeadingElement {
  return element("h1", { text, attributes: { tabindex: "-1" } });
}

function field(label: string, input: HTMLInputElement, extra: HTMLElement | null = null): HTMLElement {
  const name = element("label", { text: label, attributes: { for: input.id } });
  return element("div", { class: "field" }, name, extra === null ? input : element("div", { class: "with-extra" }, input, extra));
}

function passwordToggle(input: HTMLInputElement): HTMLButtonElement {
  const toggle = button("Show", "quiet", () => {
    const isHidden = input.type === "password";
    input.type = isHidden ? "text" : "password";
    toggle.textContent = isHidden ? "Hide" : "Show";
    toggle.setAttribute("aria-pressed", String(isHidden));
    input.focus();
  });
  toggle.setAttribute("aria-pressed", "false");
  toggle.setAttribute("aria-label", "Show the password");
  return toggle;
}

/** Asks for the name and the password. */
export function signInCard(model: Model, view: ViewNamed<"sign-in">, dispatch: Dispatch): Card {
  const user = element("input", {
    id: "user",
    attributes: {
      name: "username",
      type: "text",
      autocomplete: "username",
      autocapitalize: "none",
      spellcheck: "false",
      required: "",
      maxlength: "256",
    },
  });
  const password = element("input", {
    id: "password",
    attributes: { name: "password", type: "password", autocomplete: "current-password", required: "", maxlength: "1024" },
  });
  const submit = element("button", { class: "button primary wide", text: "Sign in", attributes: { type: "submit" } });
  const capsLock = element("p", { class: "hint", text: "Caps Lock is on.", attributes: { role: "status" } });
  capsLock.hidden = true;
  password.addEventListener("keyup", (event) => {
    capsLock.hidden = !event.getModifierState?.("CapsLock");
  });
  let found = problemBox(view.problem);
  const form = element(
    "form",
    { attributes: { novalidate: "" } },
    found,
    field("User name", user),
    field("Password", password, passwordToggle(password)),
    capsLock,
    submit,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const missing = [user, password].find((input) => input.value === "");
    if (missing !== undefined) {
      missing.setAttribute("aria-invalid", "true");
      missing.focus();
      return;
    }
    const secret = password.value;
    // The password stays in the field only as long as it is typed.
    password.value = "";
    password.type = "password";
    dispatch({ type: "sign-in", user: user.value.trim(), password: secret });
  });
  for (const input of [user, password]) input.addEventListener("input", () => input.removeAttribute("aria-invalid"));

  function update(next: View): void {
    if (next.name !== "sign-in") return;
    for (const input of [user, password]) input.disabled = next.busy;
    submit.disabled = next.busy;
    submit.textContent = next.busy ? "Signing in" : "Sign in";
    submit.classList.toggle("busy", next.busy);
    const fresh = problemBox(next.problem);
    found.replaceWith(fresh);
    found = fresh;
    if (!next.busy && next.problem !== undefined) password.focus();
  }
  update(view);
  const lead = view.notice ?? (model.asked === null ? "Sign in to work on your desktop." : `Sign in to open "${model.asked.type}".`);
  const root = element(
    "section",
    { class: "card sign-in" },
    picture("/icons/favicon.svg", 56, "logo"),
    heading("Welcome"),
    element("p", { class: "lead", text: lead }),
    form,
  );
  return { root, focus: user, update };
}

function typeTile(type: SessionType, dispatch: Dispatch): HTMLElement {
  const id = `type-${type.name}`;
  const words = element("span", { class: "tile-words" }, element("strong", { text: type.title }));
  if (type.description !== "") words.append(element("span", { class: "tile-description", text: type.description }));
  const tile = element(
    "button",
    { class: "tile", id, attributes: { type: "button", "data-type": type.name } },
    picture(iconOf(type), 56),
    words,
  );
  tile.addEventListener("click", () => dispatch({ type: "choose", display: type.name, nowMs: Date.now() }));
  return element("li", {}, tile);
}

/** Lets the user choose a session type. */
export function chooseCard(model: Model, view: ViewNamed<"choose">, dispatch: Dispatch): Card {
  const types = model.identity?.types ?? [];
  const list = element("ul", { class: "tiles" }, ...types.map((type) => typeTile(type, dispatch)));
  const first = types.find((type) => type.isDefault) ?? types[0];
  const title = heading("What do you want to open?");
  const body =
    types.length > 0
      ? list
      : element("p", { class: "lead", text: "There is no session for you to open. Ask the people who run this service." });
  const footer = element(
    "p",
    { class: "footer" },
    element("span", { text: `Signed in as ${model.identity?.user ?? ""}` }),
    button("Sign out", "quiet", () => dispatch({ type: "sign-out" })),
  );
  const root = element("section", { class: "card wide" }, title, problemBox(view.problem), body, footer);
  const tile = first === undefined ? null : root.querySelector<HTMLElement>(`#${CSS.escape(`type-${first.name}`)}`);
  return { root, focus: tile ?? title };
}

/** Shows what happens while a session starts. */
export function startingCard(model: Model, view: ViewNamed<"starting">, dispatch: Dispatch): Card {
  const type = model.identity?.types.find((entry) => view.display === entry.name || view.display.endsWith(`-${entry.name}`));
  const clock = element("span", { class: "clock", text: elapsedWords(0) });
  const timer = setInterval(() => {
    clock.textContent = elapsedWords(Date.now() - view.startedAtMs);
  }, 1000);
  const steps = element("ol", { class: "steps", attributes: { "aria-live": "polite", "aria-label": "Progress" } });
  let shown: readonly string[] = [];

  function update(next: View): void {
    if (next.name !== "starting") return;
    const isLonger = shown.every((step, index) => next.steps[index] === step);
    if (!isLonger) steps.replaceChildren();
    for (const step of next.steps.slice(isLonger ? shown.length : 0)) steps.append(element("li", { text: step }));
    shown = next.steps;
  }
  update(view);
  const title = heading(`Opening ${type?.title ?? view.display}`);
  const root = element(
    "section",
    { class: "card" },
    type === undefined ? picture("/icons/desktop.svg", 72) : picture(iconOf(type), 72),
    title,
    element("div", { class: "bar", attributes: { "aria-hidden": "true" } }, element("span")),
    steps,
    element(
      "p",
      { class: "footer" },
      element("span", { text: "Time so far: " }, clock),
      button("Cancel", "quiet", () => dispatch({ type: "cancel" })),
    ),
  );
  return { root, focus: title, update, stop: () => clearInterval(timer) };
}

/** Shows a problem and what can be done. */
export function errorCard(view: ViewNamed<"error">, dispatch: Dispatch): Card {
  const again = button("Try again", "primary", () => dispatch({ type: "choose", display: view.display, nowMs: Date.now() }));
  const root = element(
    "section",
    { class: "card" },
    picture("/icons/problem.svg", 72),
    heading("That did not work"),
    problemBox(view.problem),
    element(
      "p",
      { class: "actions" },
      again,
      button("Choose another", "secondary", () => dispatch({ type: "back-to-choice" })),
      button("Sign out", "quiet", () => dispatch({ type: "sign-out" })),
    ),
  );
  return { root, focus: again };
}

const endWords: Readonly<Record<ViewNamed<"ended">["how"], readonly [string, string]>> = {
  "signed-out": ["You are signed out", "Your session keeps running. Sign in again to go on where you left off."],
  ending: ["Ending your session", "Your programs are asked to close. This takes a moment."],
  "ended-by-user": ["Your session has ended", "All its programs are closed."],
  gone: ["Your session is over", "It was ended from inside or by the people who run this service."],
  "taken-over": ["Your desktop is open elsewhere", "Another window or device of yours has taken it over. It is still running."],
};

/** Says how the work came to its end. */
export function endedCard(model: Model, view: ViewNamed<"ended">, dispatch: Dispatch): Card {
  const [title, words] = endWords[view.how];
  const text = view.how === "signed-out" && view.display === null ? "Sessions that you have left open keep running." : words;
  const top = heading(title);
  const display = view.display;
  const isSignedIn = model.identity !== null;
  const actions = element("p", { class: "actions" });
  if (!isSignedIn) actions.append(button("Sign in again", "primary", () => dispatch({ type: "back-to-choice" })));
  else if (view.how !== "ending") {
    const again = view.how === "taken-over" ? "Bring it here" : "Open a new one";
    if (display !== null) actions.append(button(again, "primary", () => dispatch({ type: "choose", display, nowMs: Date.now() })));
    actions.append(button("Choose another", "secondary", () => dispatch({ type: "back-to-choice" })));
    actions.append(button("Sign out", "quiet", () => dispatch({ type: "sign-out" })));
  }
  const root = element(
    "section",
    { class: "card", attributes: { "data-how": view.how } },
    picture("/icons/done.svg", 72),
    top,
    element("p", { class: "lead", text, attributes: { role: "status" } }),
    actions,
  );
  return { root, focus: top };
}

/** Says that the connection is being made again; the last picture of the desktop stays behind it. */
export function reconnectingCard(view: ViewNamed<"reconnecting">, dispatch: Dispatch): Card {
  const words = element("p", { class: "lead", text: view.message, attributes: { role: "status" } });
  const title = heading("Connecting again");
  const root = element(
    "section",
    { class: "card small" },
    title,
    element("div", { class: "bar", attributes: { "aria-hidden": "true" } }, element("span")),
    words,
    element(
      "p",
      { class: "actions" },
      button("Stop", "secondary", () => dispatch({ type: "back-to-choice" })),
    ),
  );
  return {
    root,
    focus: title,
    update: (next) => {
      if (next.name === "reconnecting" && words.textContent !== next.message) words.textContent = next.message;
    },
  };
}
