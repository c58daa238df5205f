/** What an element made by `element` can be given. */
export interface Properties {
  readonly class?: string;
  readonly id?: string;
  readonly text?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly on?: Readonly<Record<string, (event: globalThis.Event) => void>>;
}

/** Makes an element with its properties and children; texts never become markup. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Properties = {},
  ...children: readonly (Node | string | null)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (properties.class !== undefined) made.className = properties.class;
  if (properties.id !== undefined) made.id = properties.id;
  if (properties.text !== undefined) made.textContent = properties.text;
  for (const [key, value] of Object.entries(properties.attributes ?? {})) made.setAttribute(key, value);
  for (const [key, listener] of Object.entries(properties.on ?? {})) made.addEventListener(key, listener);
  for (const child of children) if (child !== null) made.append(child);
  return made;
}

/** A button that does something. */
export function button(text: string, kind: string, action: () => void): HTMLButtonElement {
  return element("button", { class: `button ${kind}`, text, attributes: { type: "button" }, on: { click: action } });
}

/** A picture that says nothing which the text beside it does not say. */
export function picture(source: string, size: number, kind = "picture"): HTMLImageElement {
  const attributes = { src: source, alt: "", width: String(size), height: String(size) };
  return element("img", { class: kind, attributes });
}
