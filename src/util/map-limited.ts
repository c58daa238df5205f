/** Maps with at most so many calls under way; after the first failure no further one is begun, and those under way are awaited. */
export async function mapLimited<T, R>(items: readonly T[], maxAtOnce: number, call: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  let failure: { readonly thrown: unknown } | undefined;
  const worker = async (): Promise<void> => {
    while (next < items.length && failure === undefined) {
      const at = next++;
      try {
        results[at] = await call(items[at] as T);
      } catch (thrown) {
        failure ??= { thrown };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(maxAtOnce, items.length) }, worker));
  if (failure !== undefined) throw failure.thrown;
  return results;
}
