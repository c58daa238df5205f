/** What a promise gives, unless the signal is aborted first: then its reason is thrown. The work itself goes on, as others may wait for it too. */
export async function unlessAborted<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return result;
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([aborted, result]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
