import type { BrowserContext } from "playwright-core";
import { afterEach, expect, it } from "vitest";
import type { Demo } from "../../start/demo.ts";
import { openBrowser, openContext } from "../page/page.ts";
import { keepOnFailure } from "../support/artifacts.ts";
import { clusterArtifacts } from "../support/cluster-artifacts.ts";

const demo = JSON.parse(process.env["VDI_FAILING_DEMO"] ?? "{}") as Demo;
let context: BrowserContext | undefined;

// As the real ones: nothing is left for whoever comes later.
afterEach(async () => {
  await context?.close();
  await context?.browser()?.close();
});

it("fails with a page and a session", async () => {
  keepOnFailure(clusterArtifacts(demo));
  keepOnFailure({ name: "broken", collect: () => Promise.reject(new Error("this source is broken")) });
  context = await openContext(await openBrowser());
  const page = await context.newPage();
  await page.goto(demo.url);
  await page.evaluate((password) => console.log(`the password is ${password}`), demo.password);
  expect("what there is").toBe("what was wanted");
});

it("passes", () => expect(1).toBe(1));
