/** Layers of windows, from the back to the front. */
export const layers = { desktop: 0, below: 1, normal: 2, above: 3, popup: 4 } as const;

/** What decides where a window lies, besides when it was raised. */
export interface Standing {
  readonly layer: number;
  /** The window that this one is a dialog of; 0 when there is none. */
  readonly parent: number;
}

/** The order of windows from the back to the front. */
export class Stack {
  readonly #standingOf: (id: number) => Standing | undefined;
  /** As they were raised, whatever their layers are. */
  #raised: readonly number[] = [];

  constructor(standingOf: (id: number) => Standing | undefined) {
    this.#standingOf = standingOf;
  }

  /** Ids from the back to the front. */
  get order(): readonly number[] {
    const layerOf = new Map(this.#raised.map((id) => [id, this.#layerOf(id)]));
    return [...this.#raised].sort((a, b) => (layerOf.get(a) ?? 0) - (layerOf.get(b) ?? 0));
  }

  /** Puts a window, which may be new, in front of the others of its layer, and its dialogs in front of it. */
  raise(id: number): void {
    const dialogs = this.#raised.filter((other) => other !== id && this.#ownersOf(other).includes(id));
    const others = this.#raised.filter((other) => other !== id && !dialogs.includes(other));
    this.#raised = [...others, id, ...dialogs];
  }

  remove(id: number): void {
    this.#raised = this.#raised.filter((other) => other !== id);
  }

  clear(): void {
    this.#raised = [];
  }

  /** Takes up an earlier order; what was not there then comes in front of all that was. */
  restore(before: readonly number[]): void {
    const known = before.filter((id) => this.#raised.includes(id));
    this.#raised = [...known, ...this.#raised.filter((id) => !known.includes(id))];
  }

  /** The windows that a window is a dialog of, the nearest first; programs may also name each other in a circle. */
  #ownersOf(id: number): readonly number[] {
    const owners: number[] = [];
    for (let parent = this.#standingOf(id)?.parent ?? 0; parent !== 0; parent = this.#standingOf(parent)?.parent ?? 0) {
      if (parent === id || owners.includes(parent)) break;
      owners.push(parent);
    }
    return owners;
  }

  /** A dialog is never in a layer behind its window's. */
  #layerOf(id: number): number {
    return Math.max(...[id, ...this.#ownersOf(id)].map((each) => this.#standingOf(each)?.layer ?? 0));
  }
}
