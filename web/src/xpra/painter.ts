import type { XpraDraw, XpraDrawScrollData } from "xpra-html5-client";

interface Picture {
  readonly draw: XpraDraw;
  /** Undefined while the worker still decodes it; null when it could not be decoded. */
  bitmap: ImageBitmap | null | undefined;
}

/** The biggest number of pictures that wait for one before them. */
const longestQueue = 200;

/**
 * Paints a window's pictures in the order in which the server sent them.
 *
 * Pictures are decoded beside each other and come back in any order, while moved areas need no
 * decoding at all; painted as they come they would leave old pixels behind.
 */
export class Painter {
  readonly canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D | null;
  readonly #hasAlpha: boolean;
  readonly #onDone: (draw: XpraDraw, isPainted: boolean) => void;
  #queue: Picture[] = [];

  /** `onDone` is told of every picture, also of those that could not be painted. */
  constructor(canvas: HTMLCanvasElement, hasAlpha: boolean, onDone: (draw: XpraDraw, isPainted: boolean) => void) {
    this.canvas = canvas;
    this.#hasAlpha = hasAlpha;
    this.#context = canvas.getContext("2d", { alpha: hasAlpha });
    this.#onDone = onDone;
  }

  /** A picture is on its way through the decoder. */
  expect(draw: XpraDraw): void {
    this.#queue.push({ draw, bitmap: undefined });
    if (this.#queue.length > longestQueue) this.#giveUpOnFirst();
  }

  /** A picture was decoded; null when that failed. */
  decoded(draw: XpraDraw, bitmap: ImageBitmap | null): void {
    const picture = this.#queue.find((waiting) => waiting.draw.packetSequence === draw.packetSequence);
    if (picture === undefined) {
      bitmap?.close();
      return;
    }
    picture.bitmap = bitmap;
    this.#paintReady();
  }

  /** Part of the window moved. */
  scrolled(draw: XpraDraw): void {
    this.#queue.push({ draw, bitmap: null });
    this.#paintReady();
  }

  /** Gives the canvas another size and keeps what is on it. */
  resize(width: number, height: number): boolean {
    const { canvas } = this;
    if (canvas.width === width && canvas.height === height) return false;
    const old = document.createElement("canvas");
    old.width = canvas.width;
    old.height = canvas.height;
    if (old.width > 0 && old.height > 0) old.getContext("2d")?.drawImage(canvas, 0, 0);
    canvas.width = width;
    canvas.height = height;
    if (old.width > 0 && old.height > 0) this.#context?.drawImage(old, 0, 0);
    return true;
  }

  #giveUpOnFirst(): void {
    const first = this.#queue[0];
    if (first !== undefined && first.bitmap === undefined) first.bitmap = null;
    this.#paintReady();
  }

  #paintReady(): void {
    while (true) {
      const first = this.#queue[0];
      if (first === undefined || first.bitmap === undefined) return;
      this.#queue.shift();
      this.#onDone(first.draw, this.#paint(first.draw, first.bitmap));
    }
  }

  /** Returns whether the picture is on the canvas now. */
  #paint(draw: XpraDraw, bitmap: ImageBitmap | null): boolean {
    const context = this.#context;
    if (context === null) return false;
    if (bitmap !== null) {
      const [x, y] = draw.position;
      const [w, h] = draw.dimension;
      if (this.#hasAlpha) context.clearRect(x, y, w, h);
      context.drawImage(bitmap, x, y, w, h);
      bitmap.close();
      return true;
    }
    if (draw.encoding !== "scroll") return false;
    for (const [sx, sy, sw, sh, dx, dy] of draw.image as XpraDrawScrollData) {
      context.drawImage(this.canvas, sx, sy, sw, sh, sx + dx, sy + dy, sw, sh);
    }
    return true;
  }
}
