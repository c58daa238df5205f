import { execFileSync } from "node:child_process";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { fileChanges, filesOf, tarOf, type VolumeFile } from "../../../src/local/archive.ts";

const file = (path: string, text: string, mode = 0o444): VolumeFile => ({ path, content: Buffer.from(text), mode });

describe("an archive", () => {
  it("gives the files back that it was made of", async () => {
    const files = [file("top/a", "one"), file("top/default/x.sh", "y".repeat(1500), 0o555), file("top/empty", "")];
    const read = await filesOf(Readable.from([tarOf(files, 1_700_000_000_000)]) as AsyncIterable<Uint8Array>);
    expect([...read.values()].map(({ path, content, mode }) => [path, Buffer.from(content).toString(), mode])).toEqual([
      ["a", "one", 0o444],
      ["default/x.sh", "y".repeat(1500), 0o555],
      ["empty", "", 0o444],
    ]);
  });
});

describe("an archive of files with unusual names", () => {
  it("gives them back, and the system's own tar does too", async () => {
    const long = `${"d".repeat(120)}/${"f".repeat(150)}`;
    const names = ["Büro.sh", "日本/語.sh", long];
    const archive = tarOf(
      names.map((name) => file(`top/${name}`, name, 0o555)),
      1_700_000_000_000,
    );
    const read = await filesOf(Readable.from([archive]) as AsyncIterable<Uint8Array>);
    expect([...read.values()].map(({ path, content }) => [path, Buffer.from(content).toString()])).toEqual(names.map((n) => [n, n]));
    const listed = execFileSync("tar", ["-t", "--quoting-style=literal"], { input: archive, encoding: "utf8" }).split("\n");
    expect(listed).toEqual(expect.arrayContaining(names.map((name) => `top/${name}`)));
  });
});

describe("what has to be done to a volume", () => {
  const there = new Map([file("a", "one"), file("b", "two"), file("gone", "three")].map((each) => [each.path, each]));

  it("is only what differs in content or mode, and what is too much", () => {
    const { put, remove } = fileChanges([file("a", "one"), file("b", "two", 0o400), file("c", "new")], there);
    expect(put.map(({ path }) => path)).toEqual(["b", "c"]);
    expect(remove).toEqual(["gone"]);
  });
});
