/** What several sources give, each item as it comes, until all have ended or the signal. The first failure is thrown. */
export async function* merged<Item>(sources: readonly AsyncIterable<Item>[], signal: AbortSignal): AsyncGenerator<Item> {
  const queue: Item[] = [];
  let open = sources.length;
  let failure: { readonly thrown: unknown } | undefined;
  let wake: () => void = () => undefined;
  for (const source of sources) {
    const read = async (): Promise<void> => {
      for await (const item of source) {
        queue.push(item);
        wake();
      }
    };
    read()
      .catch((thrown: unknown) => {
        failure ??= { thrown };
      })
      .finally(() => {
        open -= 1;
        wake();
      });
  }
  const stop = (): void => wake();
  signal.addEventListener("abort", stop, { once: true });
  try {
    for (;;) {
      const item = queue.shift();
      if (item !== undefined) {
        yield item;
        continue;
      }
      if (failure !== undefined) throw failure.thrown;
      if (open === 0 || signal.aborted) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
