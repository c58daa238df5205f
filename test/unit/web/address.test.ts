import { expect, test } from "vitest";
import { choiceFromPath } from "../../../web/src/address.ts";

test.each([
  ["/desktop.html", "desktop", "desktop"],
  ["/desktop-index.html", "desktop", "desktop"],
  ["/mhd-desktop.html", "desktop", "mhd-desktop"],
  ["/nhd-desktop-index.html", "desktop", "nhd-desktop"],
  ["/desktop-failsafe.html", "desktop-failsafe", "desktop-failsafe"],
  ["/mhd-desktop-failsafe-index.html", "desktop-failsafe", "mhd-desktop-failsafe"],
  ["/my_app.v2.html", "my_app.v2", "my_app.v2"],
])("the address %s asks for %s", (path, type, display) => {
  expect(choiceFromPath(path)).toEqual({ type, display });
});

test.each([
  "/",
  "/index.html",
  "/desktop",
  "/a/desktop.html",
  "/..%2f..%2fx.html",
  "/$(touch x).html",
  "/%zz.html",
  "/.html",
  `/${"a".repeat(80)}.html`,
])("the address %s leaves the choice to the user", (path) => {
  expect(choiceFromPath(path)).toBeNull();
});
