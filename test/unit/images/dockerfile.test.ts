// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
import { describe, expect, it } from "vitest";
import { readDockerfile } from "../../../src/images/dockerfile.ts";

const images = (text: string, buildArgs?: Record<string, string>): string[] =>
  readDockerfile(text, buildArgs).images.map((use) => use.reference);
const sources = (text: string): string[] => readDockerfile(text).sources.map((use) => use.path);

describe("the images that a Dockerfile uses", () => {
  it.each([
    ["a plain one", "FROM debian:trixie-slim", ["debian:trixie-slim"]],
    ["with a platform and a stage's name", "FROM --platform=linux/amd64 r.example:5000/vdi-base AS build", ["r.example:5000/vdi-base"]],
    ["not a stage of its own, whatever its letters", "FROM a AS Build\nFROM build\nCOPY --from=BUILD /x /y\nCOPY --from=0 /x /y", ["a"]],
    ["not scratch", "FROM scratch", []],
    ["in lower case, with comments and continued lines", "# FROM no\nfrom \\\n# a comment in between\n  a \\\n  as x\n", ["a"]],
    [
      "of COPY and of a mount",
      "FROM a\nCOPY --from=r/b:1 /x /y\nRUN --mount=type=cache,target=/c --mount=type=bind,from=c,target=/t true",
      ["a", "r/b:1", "c"],
    ],
    ["by the default of an ARG", "ARG BASE=debian\nARG TAG=13\nFROM $BASE:${TAG}", ["debian:13"]],
    ["by an ARG's own default in braces", "ARG BASE\nFROM ${BASE:-debian}${OTHER:+no}", ["debian"]],
    ["by a quoted default with a reference in it", 'ARG REG="r.example"\nARG BASE=${REG}/b\nFROM "${BASE}"', ["r.example/b"]],
    ["behind a here-string and a shift, which are no here-documents", "FROM a\nRUN cat <<<word && echo $((1<<n))\nFROM c", ["a", "c"]],
    ["none in a here-document of a descriptor", "FROM a\nRUN cat 3<<'END-1' <&3\nFROM b\nEND-1\nFROM c", ["a", "c"]],
    ["none in a here-document", "FROM a\nRUN <<EOF\nFROM b\nEOF\nFROM c", ["a", "c"]],
  ])("%s", (_, text, expected) => {
    expect(images(text)).toEqual(expected);
  });

  it("follow build arguments", () => {
    expect(images("ARG BASE=debian\nFROM $BASE", { BASE: "ubuntu" })).toEqual(["ubuntu"]);
  });

  it("have the line on which their instruction begins", () => {
    expect(readDockerfile("ARG X\n\nFROM a \\\n  AS b\nCOPY --from=c / /\n").images).toEqual([
      { reference: "a", line: 3 },
      { reference: "c", line: 5 },
    ]);
  });
});

describe("the sources that a Dockerfile takes from its context", () => {
  it("are those of COPY, ADD and bind mounts, without other stages and addresses", () => {
    const text = `FROM a AS s
ARG DIR=to_container
COPY --chmod=0755 $DIR/bin/x ./y /usr/bin/
COPY ["a b", "/c/"]
COPY --from=s /no /no
ADD https://example.org/x /x
RUN --mount=type=bind,source=to_container/addon,target=/m --mount=type=cache,target=/z true`;
    expect(sources(text)).toEqual(["to_container/bin/x", "y", "a b", "to_container/addon"]);
  });
});

describe("the build arguments that a Dockerfile knows", () => {
  it("are all of its ARG lines, several on one line included", () => {
    expect([...readDockerfile("ARG A=1 B\nFROM x\nARG C=$A\nENV D=1").args]).toEqual(["A", "B", "C"]);
  });
});
