import { expect, it } from "vitest";
import { counted } from "../../../src/util/counted.ts";

it("one thing is one thing", () => {
  expect([0, 1, 2].map((count) => counted(count, "day"))).toEqual(["0 days", "1 day", "2 days"]);
  expect([1, 2].map((count) => counted(count, "home stays", "homes stay"))).toEqual(["1 home stays", "2 homes stay"]);
});
