import { expect, test } from "vitest";
import { choiceFromPath, typeOfDisplay } from "../../../web/src/address.ts";

test.each([
  ["/desktop.html", "desktop", "desktop"],
  ["/desktop-index.html", "desktop", "desktop"],
  ["/mhd-desktop.html", "desktop", "mhd-desktop"],
  ["/nhd-desktop-index.html", "desktop", "nhd-desktop"],
  ["/desktop-failsafe.html", "desktop-failsafe", "desktop-failsafe"],
  ["/mhd-desktop-failsafe-index.html", "desktop-failsafe", "mhd-desktop-failsafe"],
  ["/Desktop.html", "Desktop", "Desktop"],
  ["/MHD-desktop-Index.html", "desktop", "mhd-desktop"],
  ["/alice-mhd-desktop.html", "alice-mhd-desktop", "alice-mhd-desktop"],
  ["/my_app.v2.html", "my_app.v2", "my_app.v2"],
])("the address %s asks for %s", (path, type, display) => {
  expect(choiceFromPath(path)).toEqual({ type, display });
});

test.each([
  "/",
  "/index.html",
  "/Index.html",
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

const names = ["desktop", "Office", "mhd-tools", "alice-cad", "cad"];
const types = names.map((name) => ({ name, title: name, description: "", isDefault: false }));

test.each([
  ["desktop", "desktop"],
  ["Desktop", "desktop"],
  ["office", "Office"],
  ["MHD-desktop", "desktop"],
  ["mhd-tools", "mhd-tools"],
  ["nhd-mhd-tools", "mhd-tools"],
  ["alice-desktop", "desktop"],
  ["Alice-NHD-Office", "Office"],
  ["alice-cad", "alice-cad"],
  ["bob-desktop", undefined],
  ["desktop-failsafe", undefined],
  ["alice-", undefined],
])("for alice the display %s means the type %s", (display, name) => {
  for (const user of ["alice", "Alice@example.org"]) {
    expect(typeOfDisplay(display, { user, ticket: "t1", expiresAtMs: 0, types })?.name).toBe(name);
  }
});
