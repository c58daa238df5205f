import type { Model, View } from "../../model.ts";
import { elapsedWords } from "../../words.ts";
import { button, element, picture } from "../dom.ts";
import { type Card, type Dispatch, heading, type ViewNamed } from "./card.ts";
import { iconOf } from "./icons.ts";

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
