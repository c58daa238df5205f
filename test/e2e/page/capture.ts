import type { Page } from "playwright-core";

/**
 * Takes a picture of the page as it is. Chromium answers with its next frame, and of a page that stands still none may come for a
 * minute. So a dot that is too faint to change any pixel moves until the picture is there.
 */
export async function capture(page: Page, options: Parameters<Page["screenshot"]>[0] = {}): Promise<Buffer> {
  const dot = await page.evaluateHandle(() => {
    const moved = document.createElement("div");
    const look = { position: "fixed", left: "0", top: "0", width: "1px", height: "1px", background: "black", opacity: "0.001" };
    Object.assign(moved.style, look, { pointerEvents: "none" });
    document.documentElement.append(moved);
    const move = (turn: number): void => {
      if (!moved.isConnected) return;
      moved.style.transform = `translateX(${turn % 2}px)`;
      requestAnimationFrame(() => move(turn + 1));
    };
    move(0);
    return moved;
  });
  try {
    return await page.screenshot(options);
  } finally {
    await dot.evaluate((moved) => moved.remove()).catch(() => undefined);
  }
}
