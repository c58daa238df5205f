import type { SessionType } from "../../types.ts";

const icons: Readonly<Record<string, string>> = {
  desktop: "/icons/desktop.svg",
  seamless: "/icons/windows.svg",
  windows: "/icons/windows.svg",
  failsafe: "/icons/terminal.svg",
  terminal: "/icons/terminal.svg",
};

/** The picture of a session type: by its own icon's name when this page has it, else by its name. */
export function iconOf(type: SessionType): string {
  const named = icons[type.icon ?? ""];
  if (named !== undefined) return named;
  const key = Object.keys(icons).find((word) => word !== "desktop" && type.name.includes(word));
  return icons[key ?? "desktop"] ?? "/icons/desktop.svg";
}
