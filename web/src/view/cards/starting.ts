import { typeOfDisplay } from "../../address.ts";
import type { Model, View } from "../../model.ts";
import { elapsedWords } from "../../words.ts";
import { button, element, picture } from "../dom.ts";
import { type Card, type Dispatch, heading, type ViewNamed } from "./card.ts";
import { iconOf } from "./icons.ts";

const silentMs = 3_000;

/** Shows what happens while a session starts. */
export function startingCard(model: Model, view: ViewNamed<"starting">, dispatch: Dispatch): Card {
  const type = model.identity === null ? undefined : typeOfDisplay(view.display, model.identity);
  const clock = element("span", { class: "clock" });
  // A start that is over in a moment needs no clock.
  const elapsed = element("span", {}, "Time so far: ", clock);
  elapsed.hidden = true;
  const timer = setInterval(() => {
    const elapsedMs = Date.now() - view.startedAtMs;
    elapsed.hidden = elapsedMs < silentMs;
    clock.textContent = elapsedWords(elapsedMs);
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
      elapsed,
      button("Cancel", "quiet", () => dispatch({ type: "cancel" })),
    ),
  );
  return { root, focus: title, update, stop: () => clearInterval(timer) };
}
