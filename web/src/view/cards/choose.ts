import type { Model } from "../../model.ts";
import type { SessionType } from "../../types.ts";
import { button, element, picture } from "../dom.ts";
import { type Card, type Dispatch, heading, problemBox, type ViewNamed } from "./card.ts";
import { iconOf } from "./icons.ts";

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
