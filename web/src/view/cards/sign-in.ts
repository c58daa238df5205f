import type { Model, View } from "../../model.ts";
import { button, element, picture } from "../dom.ts";
import { type Card, type Dispatch, heading, problemBox, type ViewNamed } from "./card.ts";

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
