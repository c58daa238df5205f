import type { Model } from "../../model.ts";
import type { Problem } from "../../types.ts";
import { button, element, picture } from "../dom.ts";
import { type Card, type Dispatch, heading, problemBox, type ViewNamed } from "./card.ts";

/** Problems with a session that may be there all the same, so that ending it is a way out. */
const mayRun = new Set(
  "slow no-node volume sandbox machine-away refused silent stuck lost timed-out broker unavailable offline locked unexpected".split(" "),
);

/** What an administrator needs to find the case in the logs, as lines of text. */
export function detailsOf(found: Problem, display: string, user: string, at: Date, address: string): string {
  const lines = [
    `Session: ${display}`,
    `User: ${user}`,
    `Time: ${at.toISOString()}`,
    `Reason: ${found.reason}`,
    `Message: ${[found.what, found.why ?? ""].join(" ").trim()}`,
    `Address: ${address}`,
  ];
  return `${lines.join("\n")}\n`;
}

function copyButton(text: string, said: HTMLElement, shown: HTMLElement): HTMLButtonElement {
  return button("Copy details for the administrator", "quiet", () => {
    // Where the browser does not let a page copy, the text is there to be selected.
    const failed = () => {
      shown.hidden = false;
      said.textContent = "Please copy the text by hand.";
    };
    if (navigator.clipboard === undefined) failed();
    else navigator.clipboard.writeText(text).then(() => (said.textContent = "Copied."), failed);
  });
}

/** Shows a problem and what can be done. */
export function errorCard(model: Model, view: ViewNamed<"error">, dispatch: Dispatch): Card {
  const { display, problem } = view;
  const isPage = problem.reason === "page";
  const again = isPage
    ? button("Load this page again", "primary", () => location.reload())
    : button("Try again", "primary", () => dispatch({ type: "choose", display, nowMs: Date.now() }));
  const text = detailsOf(problem, display, model.identity?.user ?? "", new Date(), location.host);
  const said = element("span", { class: "hint", attributes: { role: "status" } });
  const shown = element("pre", { class: "details", text, attributes: { tabindex: "0", "aria-label": "Details" } });
  shown.hidden = true;
  const actions = element("p", { class: "actions" }, again);
  // No other session opens either on a page that is not there as a whole.
  if (!isPage) actions.append(button("Choose another", "secondary", () => dispatch({ type: "back-to-choice" })));
  if (mayRun.has(problem.reason)) {
    actions.append(button("End the session", "secondary", () => dispatch({ type: "end-session" })));
  }
  actions.append(button("Sign out", "quiet", () => dispatch({ type: "sign-out" })));
  const root = element(
    "section",
    { class: "card" },
    picture("/icons/problem.svg", 72),
    heading("That did not work"),
    problemBox(problem),
    actions,
    element("p", { class: "details-line" }, copyButton(text, said, shown), said),
    shown,
  );
  return { root, focus: again };
}
