import { beforeAll, expect, it } from "vitest";

beforeAll(() => {
  throw new Error("this set-up fails");
});

it("is never reached", () => expect(1).toBe(1));
