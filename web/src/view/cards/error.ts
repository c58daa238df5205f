import { button, element, picture } from "../dom.ts";
import { type Card, type Dispatch, heading, problemBox, type ViewNamed } from "./card.ts";

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
