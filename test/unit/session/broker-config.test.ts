import { expect, it } from "vitest";
import { imageOfType, parseBrokerConfig } from "../../../src/session/broker-config.ts";

const least = {
  version: 1,
  namespace: "vdi",
  images: { default: "d" },
  sessionTypes: [{ scope: "default", type: "desktop", script: "default/x.sh" }],
};

it("fills in what is left out", () => {
  expect(parseBrokerConfig(JSON.stringify(least), "f")).toMatchObject({
    port: 14500,
    topdirInt: "/srv",
    minUid: 1000,
    keepEndedSeconds: 600,
    keepFailedSeconds: 86_400,
    keepPendingSeconds: 600,
    startsAtOnce: 4,
    sessionTypes: [{ title: "desktop" }],
  });
});

it("tells all problems at once", () => {
  const text = JSON.stringify({
    ...least,
    version: 2,
    namespace: 3,
    port: "x",
    images: {},
    sessionEnv: { A: 1 },
    sessionTypes: [{ scope: "default", type: "a/b", script: "x" }],
  });
  expect(() => parseBrokerConfig(text, "broker.json")).toThrow(
    /namespace: not a text\nport: not a whole number\nsessionEnv: [^\n]*\nsessionTypes\[0\][^\n]*\nversion: 2[^\n]*\nimages\.default: missing\nsessionTypes: empty/,
  );
  expect(() => parseBrokerConfig("{", "broker.json")).toThrow("broker.json is not a broker's configuration");
});

it.each([
  ["desktop-office", "o"],
  ["desktop_office", "o"],
  ["desktop", "d"],
  ["x.y", "z"],
])("the image of %s is %s", (type, image) => {
  expect(imageOfType({ default: "d", DESKTOP_OFFICE: "o", "x.y": "z" }, type)).toBe(image);
});
