/** Where somebody stands who wants a session to be started. */
export interface StartPlace {
  /** 0: it may start now. Else the place in the line, the next one being 1. */
  number(): number;
  /** Gives the place to the next one. It may be called again. */
  leave(): void;
}

/**
 * The line of sessions to be started: a start is work for a machine's processors, and of many at once each one is late. So many
 * start at a time, the others wait and know their place.
 */
export interface StartLine {
  /** Joins the line at its end; `onMove` is called whenever the number has become smaller. */
  join(onMove: () => void): StartPlace;
  /** How many wait. */
  waiting(): number;
}

/** A start that takes longer waits for something else than processors: a place, an image. Meanwhile others start. */
const holdMs = 15_000;

interface Entry {
  readonly onMove: () => void;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Makes a line.
 *
 * @param atOnce how many may start at a time; asked each time, so that a changed configuration holds at once
 */
export function startLine(atOnce: () => number): StartLine {
  const starting = new Set<Entry>();
  const waiting: Entry[] = [];

  function advance(): void {
    let moved = false;
    while (starting.size < Math.max(1, atOnce())) {
      const entry = waiting.shift();
      if (entry === undefined) break;
      begin(entry);
      moved = true;
      entry.onMove();
    }
    if (moved) for (const entry of waiting) entry.onMove();
  }

  function begin(entry: Entry): void {
    starting.add(entry);
    entry.timer = setTimeout(() => {
      if (starting.delete(entry)) advance();
    }, holdMs);
    // A start alone is no reason to stay.
    entry.timer.unref();
  }

  return {
    waiting: () => waiting.length,
    join(onMove) {
      const entry: Entry = { onMove, timer: undefined };
      if (waiting.length === 0 && starting.size < Math.max(1, atOnce())) begin(entry);
      else waiting.push(entry);
      return {
        number: () => waiting.indexOf(entry) + 1,
        leave() {
          clearTimeout(entry.timer);
          if (starting.delete(entry)) {
            advance();
            return;
          }
          const at = waiting.indexOf(entry);
          if (at < 0) return;
          waiting.splice(at, 1);
          for (const behind of waiting.slice(at)) behind.onMove();
        },
      };
    },
  };
}
