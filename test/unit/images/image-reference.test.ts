import { describe, expect, it } from "vitest";
import { localImageName, parseImageReference } from "../../../src/images/image-reference.ts";

describe("a reference", () => {
  it.each([
    ["debian", ["docker.io", "library/debian", undefined, undefined]],
    ["debian:trixie-slim", ["docker.io", "library/debian", "trixie-slim", undefined]],
    ["user/app", ["docker.io", "user/app", undefined, undefined]],
    ["localhost/app", ["localhost", "app", undefined, undefined]],
    ["r.example:5000/group/app:v1", ["r.example:5000", "group/app", "v1", undefined]],
    ["r.example:5000/app@sha256:1", ["r.example:5000", "app", undefined, "sha256:1"]],
    ["r.example/app:v1@sha256:1", ["r.example", "app", "v1", "sha256:1"]],
  ])("%s", (reference, [registry, repository, tag, digest]) => {
    expect(parseImageReference(reference)).toEqual({ registry, repository, tag, digest });
  });
});

describe("the name of an image of ours", () => {
  it.each([
    ["r.example:5000/vdi-base", "vdi-base"],
    ["r.example:5000/vdi-base:latest", "vdi-base"],
    ["r.example:5000/vdi-base:v1", undefined],
    ["r.example:5000/group/vdi-base", undefined],
    ["r.example/vdi-base", undefined],
    ["vdi-base", undefined],
  ])("of %s is %s", (reference, name) => {
    expect(localImageName(reference, "r.example:5000")).toBe(name);
  });
});
