import { expect, it } from "vitest";
import { parseBrokerConfig } from "../../../src/broker-config/broker-config.ts";
import { imageOfType } from "../../../src/session/sessions-config.ts";

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
    version: 3,
    namespace: 3,
    port: "x",
    images: {},
    sessionEnv: { A: 1 },
    sessionTypes: [{ scope: "default", type: "a/b", script: "x" }],
  });
  expect(() => parseBrokerConfig(text, "broker.json")).toThrow(
    /namespace: not a text\nport: not a whole number\nsessionEnv: [^\n]*\nsessionTypes\[0\][^\n]*\nversion: 3[^\n]*\nimages\.default: missing\nsessionTypes: empty/,
  );
  expect(() => parseBrokerConfig("{", "broker.json")).toThrow("broker.json is not a broker's configuration");
});

it("reads the cluster's part where it stands: flat in version 1, by itself in version 2", () => {
  const kubernetes = {
    nodeSelector: { a: "true" },
    imagePullSecrets: ["registry"],
    configMaps: { etc: [{ name: "etc", items: [{ key: "k", path: "p" }] }] },
    serviceAccountName: "s",
  };
  const flat = parseBrokerConfig(JSON.stringify({ ...least, ...kubernetes }), "f");
  const apart = parseBrokerConfig(JSON.stringify({ ...least, version: 2, kubernetes }), "f");
  expect(flat).toEqual(apart);
  expect(apart.kubernetes).toEqual(kubernetes);
  expect(parseBrokerConfig(JSON.stringify(apart), "f")).toEqual(apart);
});

it("reads an engine's part, with defaults", () => {
  const config = parseBrokerConfig(JSON.stringify({ ...least, version: 2, docker: { directories: ["session_types"] } }), "f");
  expect(config.kubernetes).toBeUndefined();
  expect(config.docker).toEqual({
    socket: "/var/run/docker.sock",
    network: "10.213.0.0/16",
    directories: ["session_types"],
    pidsLimit: 4096,
    identityDirectory: "/var/lib/vdi/identity",
  });
  expect(parseBrokerConfig(JSON.stringify(config), "f")).toEqual(config);
});

it.each([
  [{}, /exactly one of kubernetes and docker/],
  [{ docker: {}, kubernetes: {} }, /exactly one of kubernetes and docker/],
  [{ docker: { network: "10.0.0.0/30" } }, /docker\.network: 10\.0\.0\.0\/30/],
  [{ docker: { network: "fd00::/48" } }, /docker\.network/],
  [{ docker: { directories: ["../etc"] } }, /docker\.directories\[0\]/],
  [{ docker: { pidsLimit: -1 } }, /docker\.pidsLimit: not a whole number/],
  [{ kubernetes: { configMaps: { "../x": [] } } }, /configMaps\.\.\.\/x/],
])("refuses %j in version 2", (parts, words) => {
  expect(() => parseBrokerConfig(JSON.stringify({ ...least, version: 2, ...parts }), "f")).toThrow(words);
});

it.each([
  ["desktop-office", "o"],
  ["desktop_office", "o"],
  ["desktop", "d"],
  ["x.y", "z"],
])("the image of %s is %s", (type, image) => {
  expect(imageOfType({ default: "d", DESKTOP_OFFICE: "o", "x.y": "z" }, type)).toBe(image);
});
