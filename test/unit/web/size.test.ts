import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildPage } from "../../../web/build.mjs";

let www = "";
let names: string[] = [];

beforeAll(async () => {
  www = await mkdtemp(join(tmpdir(), "vdi-page-"));
  await buildPage(www);
  names = await readdir(www);
}, 60_000);

afterAll(() => rm(www, { recursive: true, force: true }));

async function compressedBytes(name: string): Promise<number> {
  return gzipSync(await readFile(join(www, name))).length;
}

test("what is fetched before the sign-in is at most 60 KB compressed", async () => {
  const html = await readFile(join(www, "index.html"), "utf8");
  const files = [...html.matchAll(/(?:href|src)="\/([^"]+)"/g)].flatMap((match) => (match[1] === undefined ? [] : [match[1]]));
  expect(files).toHaveLength(3);
  const sizes = await Promise.all(["index.html", ...files].map(compressedBytes));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(60 * 1024);
});

test("the client library is a file of its own, fetched by a dynamic import", async () => {
  const app = names.find((name) => /^app-.*\.js$/.test(name)) ?? "";
  const client = names.find((name) => /^client-.*\.js$/.test(name)) ?? "";
  const text = await readFile(join(www, app), "utf8");
  expect(text).toContain(`import("./${client}")`);
  expect(text).not.toContain("rencode");
});

test("the page has no script or style in its markup and no address of others", async () => {
  const html = await readFile(join(www, "index.html"), "utf8");
  expect(html).not.toMatch(/<style|<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=|https?:/);
});

test("each file has its compressed forms beside it", () => {
  const plain = names.filter((name) => /\.(js|css|html|txt)$/.test(name));
  for (const name of plain) expect(names).toEqual(expect.arrayContaining([`${name}.br`, `${name}.gzip`]));
});
