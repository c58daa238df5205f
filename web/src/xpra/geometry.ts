/** A rectangle in the pixels of the desktop. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** A size in pixels. */
export interface Size {
  readonly w: number;
  readonly h: number;
}

/** The height of a title bar drawn by this page. */
export const titleBarHeight = 30;

/** The smallest side of a window that can be drawn with the mouse. */
export const smallestSide = 60;

/** The factor by which a desktop larger than its place is shown smaller; never larger. */
export function fitScale(place: Size, picture: Size): number {
  if (picture.w <= 0 || picture.h <= 0) return 1;
  return Math.min(1, place.w / picture.w, place.h / picture.h);
}

/**
 * Where a new window of a seamless session goes.
 *
 * A window that asked for no place is centred, a step further down and right than the one before;
 * one with a place keeps it as far as its title bar stays reachable.
 */
export function placeWindow(box: Box, place: Size, hasPlace: boolean, count: number): Box {
  const step = (count % 8) * 24;
  const centredX = Math.floor((place.w - box.w) / 2) + step;
  const centredY = Math.floor((place.h - box.h) / 3) + step;
  const x = hasPlace ? box.x : centredX;
  const y = hasPlace ? box.y : centredY;
  return {
    ...box,
    x: Math.max(0, Math.min(x, Math.max(0, place.w - Math.min(box.w, 120)))),
    y: Math.max(titleBarHeight, Math.min(y, Math.max(titleBarHeight, place.h - 40))),
  };
}

/** How a window changes while one of its edges is dragged. */
export interface DragEdges {
  readonly left: boolean;
  readonly right: boolean;
  readonly top: boolean;
  readonly bottom: boolean;
  /** The whole window moves. */
  readonly move: boolean;
}

/** The edges behind the direction numbers of X11's `_NET_WM_MOVERESIZE`. */
export function edgesOf(direction: number): DragEdges | null {
  if (direction < 0 || direction > 8) return null;
  return {
    left: direction === 0 || direction === 6 || direction === 7,
    right: direction >= 2 && direction <= 4,
    top: direction <= 2,
    bottom: direction >= 4 && direction <= 6,
    move: direction === 8,
  };
}

/** The box after its edges were dragged by a distance. */
export function dragBox(box: Box, edges: DragEdges, dx: number, dy: number): Box {
  if (edges.move) return { ...box, x: box.x + dx, y: Math.max(titleBarHeight, box.y + dy) };
  const w = Math.max(smallestSide, box.w + (edges.right ? dx : 0) - (edges.left ? dx : 0));
  const h = Math.max(smallestSide, box.h + (edges.bottom ? dy : 0) - (edges.top ? dy : 0));
  return {
    x: edges.left ? box.x + box.w - w : box.x,
    y: edges.top ? Math.max(titleBarHeight, box.y + box.h - h) : box.y,
    w,
    h,
  };
}
