import type { BrowserContext, Page } from "playwright-core";
import { capture } from "../page/capture.ts";
import { keepOnFailure } from "./artifacts.ts";

const consoleLines = 2_000;
let opened = 0;

/** Keeps pictures and consoles of all pages of a browser's window when a test fails while it is open. */
export function keepPagesOnFailure(context: BrowserContext): void {
  opened += 1;
  const pages: { readonly page: Page; readonly log: string[] }[] = [];
  context.on("page", (page) => {
    const log: string[] = [];
    const say = (line: string): void => {
      log.push(`${new Date().toISOString()} ${line}`);
      if (log.length > consoleLines) log.shift();
    };
    page.on("console", (message) => say(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => say(`uncaught: ${error.stack ?? error.message}`));
    page.on("requestfailed", (request) => say(`failed: ${request.method()} ${request.url()} ${request.failure()?.errorText ?? ""}`));
    page.on("response", (response) => response.status() >= 400 && say(`${response.status()}: ${response.url()}`));
    page.on("websocket", (socket) => {
      say(`connected: ${socket.url()}`);
      socket.on("close", () => say(`disconnected: ${socket.url()}`));
    });
    page.on("crash", () => say("the page has crashed"));
    pages.push({ page, log });
  });
  const forget = keepOnFailure({
    name: `browser-${opened}`,
    async collect() {
      const files: Record<string, string | Uint8Array> = {};
      for (const [index, { page, log }] of pages.entries()) {
        files[`page-${index + 1}.console.txt`] = `${log.join("\n")}\n`;
        if (page.isClosed()) continue;
        files[`page-${index + 1}.txt`] = await page
          .evaluate(() => `${location.href}\n${JSON.stringify(document.body.dataset)}\n${document.body.textContent}\n`)
          .catch(String);
        // As it is at this moment: nothing is waited for.
        files[`page-${index + 1}.png`] = await capture(page, { timeout: 10_000 }).catch((error: unknown) => Buffer.from(String(error)));
      }
      return files;
    },
  });
  context.on("close", forget);
}
