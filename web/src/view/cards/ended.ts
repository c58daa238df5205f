import type { Model } from "../../model.ts";
import { button, element, picture } from "../dom.ts";
import { type Card, type Dispatch, heading, type ViewNamed } from "./card.ts";

const endWords: Readonly<Record<ViewNamed<"ended">["how"], readonly [string, string]>> = {
  "signed-out": ["You are signed out", "Your session keeps running. Sign in again to go on where you left off."],
  ending: ["Ending your session", "Your programs are asked to close. This takes a moment."],
  closing: ["Your session is being closed", "Its programs are closing. This may take a moment."],
  "ended-by-user": ["Your session has ended", "All its programs are closed."],
  gone: ["Your session is over", "It was ended from inside or by the people who run this service."],
  "taken-over": ["Your desktop is open elsewhere", "Another window or device of yours has taken it over. It is still running."],
};

/** Says how the work came to its end. */
export function endedCard(model: Model, view: ViewNamed<"ended">, dispatch: Dispatch): Card {
  const [title, words] = endWords[view.how];
  const left = view.how === "signed-out" && view.display === null ? "Sessions that you have left open keep running." : words;
  const text = view.why ?? left;
  const top = heading(title);
  const display = view.display;
  const isSignedIn = model.identity !== null;
  const actions = element("p", { class: "actions" });
  if (!isSignedIn) actions.append(button("Sign in again", "primary", () => dispatch({ type: "back-to-choice" })));
  else if (view.how !== "ending") {
    const manner = view.how === "taken-over" ? "take" : "ask";
    const open = (name: string) => dispatch({ type: "choose", display: name, nowMs: Date.now(), manner });
    const again = view.how === "taken-over" ? "Bring it here" : "Open a new one";
    if (display !== null) actions.append(button(again, "primary", () => open(display)));
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
