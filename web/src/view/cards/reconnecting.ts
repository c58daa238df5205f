import { button, element } from "../dom.ts";
import { type Card, type Dispatch, heading, type ViewNamed } from "./card.ts";

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
