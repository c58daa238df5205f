import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildOrder, type OrderInput } from "../../../src/images/build-order.ts";
import { readDockerfile } from "../../../src/images/dockerfile.ts";
import { ExitCode } from "../../../src/util/exit-code.ts";
import { VdiError } from "../../../src/util/vdi-error.ts";

const registry = "r.example:5000";

function image(name: string, text: string): OrderInput {
  return { name, file: `images/${name}/Dockerfile`, facts: readDockerfile(text) };
}

function order(images: OrderInput[], wanted: string[] = [], notOurs: string[] = []): string[] {
  return buildOrder(images, { registry, notOurs, wanted }).map((each) => each.name);
}

function failure(images: OrderInput[], wanted: string[] = []): VdiError {
  try {
    order(images, wanted);
  } catch (thrown) {
    if (thrown instanceof VdiError) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
}

const tower = [
  image("vdi-office", `FROM ${registry}/vdi-xfce4:latest`),
  image("vdi-base", "FROM debian:trixie-slim"),
  image("vdi-xfce4", `FROM ${registry}/vdi-base`),
  image("vdi-proxy", "FROM debian:trixie-slim"),
];

describe("the order of images", () => {
  it("puts parents first, at any depth, and goes by name else", () => {
    expect(order(tower)).toEqual(["vdi-base", "vdi-xfce4", "vdi-office", "vdi-proxy"]);
  });

  it("takes a wanted image together with what it is made from, and nothing more", () => {
    expect(order(tower, ["vdi-xfce4"])).toEqual(["vdi-base", "vdi-xfce4"]);
    expect(order(tower, ["vdi-proxy", "vdi-base"])).toEqual(["vdi-base", "vdi-proxy"]);
  });

  it("tells what comes from elsewhere", () => {
    const [base] = buildOrder(tower, { registry, notOurs: [], wanted: ["vdi-base"] });
    expect(base).toEqual({ name: "vdi-base", parents: [], outside: ["debian:trixie-slim"] });
  });

  it("counts the image of a stage and of COPY --from as a parent", () => {
    const images = [image("a", `FROM scratch\nCOPY --from=${registry}/b / /`), image("b", "FROM scratch")];
    expect(order(images)).toEqual(["b", "a"]);
  });

  it("leaves an image with a tag, a digest, a deeper path or an exception to the registry", () => {
    const from = (reference: string): string[] => order([image("a", `FROM ${registry}/${reference}`)], [], [`${registry}/base`]);
    expect(from("debian:13")).toEqual(["a"]);
    expect(from(`debian@sha256:${"0".repeat(64)}`)).toEqual(["a"]);
    expect(from("group/debian")).toEqual(["a"]);
    expect(from("base")).toEqual(["a"]);
  });

  it("names a cycle with all its members and files", () => {
    const images = [
      image("a", `FROM ${registry}/b`),
      image("b", `FROM ${registry}/c`),
      image("c", `FROM ${registry}/a`),
      image("d", "FROM scratch"),
    ];
    const error = failure(images, ["d"]);
    expect(error.what).toBe("the images are made from each other: a -> b -> c -> a");
    expect(error.why).toContain("images/b/Dockerfile");
    expect(error.exitCode).toBe(ExitCode.usage);
  });

  it("names an image that is made from itself", () => {
    expect(failure([image("a", `FROM ${registry}/a`)]).what).toContain("a -> a");
  });

  it("names a parent that no directory builds, with the line", () => {
    expect(failure([image("a", `ARG X\nFROM ${registry}/b`)]).what).toBe(
      "images/a/Dockerfile:2 is made from 'b', which no directory of images/ builds",
    );
  });

  it("names a wanted image that is not there, and those that are", () => {
    const error = failure(tower, ["vdi-offce"]);
    expect(error.what).toBe("there is no image 'vdi-offce'");
    expect(error.why).toContain("vdi-office");
  });

  it("has every parent before its child, for any tree", () => {
    const trees = fc
      .array(fc.nat(), { minLength: 1, maxLength: 12 })
      .map((parents) =>
        parents.map((parent, at) => ({ name: `i${at}`, parent: at === 0 || parent % 3 === 0 ? undefined : `i${parent % at}` })),
      );
    fc.assert(
      fc.property(trees, (tree) => {
        const images = tree.map(({ name, parent }) => image(name, `FROM ${parent === undefined ? "debian" : `${registry}/${parent}`}`));
        const names = order(images.reverse());
        expect(names).toHaveLength(tree.length);
        for (const { name, parent } of tree) if (parent !== undefined) expect(names.indexOf(parent)).toBeLessThan(names.indexOf(name));
      }),
    );
  });
});
