import { button, element, picture } from "../dom.ts";
import { type Card, type Dispatch, heading, type ViewNamed } from "./card.ts";

/** Says that the session is shown somewhere else, before anything happens there, and asks what to do. */
export function elsewhereCard(title: string, view: ViewNamed<"elsewhere">, dispatch: Dispatch): Card {
  const { display } = view;
  const open = (manner: "take" | "share") => () => dispatch({ type: "choose", display, nowMs: Date.now(), manner });
  const take = button("Take it over", "primary", open("take"));
  const root = element(
    "section",
    { class: "card" },
    picture("/icons/windows.svg", 72),
    heading("This desktop is open elsewhere"),
    element("p", { class: "lead", text: `"${title}" is shown in another window or on another device at this moment.` }),
    element(
      "dl",
      { class: "choices" },
      element("dt", { text: "Take it over" }),
      element("dd", { text: "It closes there and goes on here, as it is." }),
      element("dt", { text: "Share it" }),
      element("dd", { text: "Both places show it and can use it. An Xpra client that is set not to share closes." }),
    ),
    element(
      "p",
      { class: "actions" },
      take,
      button("Share it", "secondary", open("share")),
      button("Cancel", "quiet", () => dispatch({ type: "back-to-choice" })),
    ),
  );
  return { root, focus: take };
}
