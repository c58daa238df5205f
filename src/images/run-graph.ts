/** Something to do, after others. */
export interface GraphTask {
  readonly name: string;
  /** Names of tasks that come first; those that are not among the tasks do not count. */
  readonly after: readonly string[];
}

/**
 * Runs each task once all before it are done, at most `limit` at a time. At the first failure `stop` is called, nothing new
 * is begun, and the failure is thrown when all that were running have ended.
 */
export async function runGraph<Task extends GraphTask>(
  tasks: readonly Task[],
  limit: number,
  run: (task: Task) => Promise<void>,
  stop: () => void,
): Promise<void> {
  const waiting = new Map(tasks.map((task) => [task.name, task]));
  const done = new Set<string>();
  const names = new Set(waiting.keys());
  const running = new Set<Promise<void>>();
  let failure: { readonly thrown: unknown } | undefined;

  const begin = (task: Task): void => {
    waiting.delete(task.name);
    const work = run(task).then(
      () => {
        done.add(task.name);
      },
      (thrown: unknown) => {
        if (failure === undefined) {
          failure = { thrown };
          stop();
        }
      },
    );
    const settled = work.finally(() => running.delete(settled));
    running.add(settled);
  };
  for (;;) {
    for (const task of waiting.values()) {
      if (failure !== undefined || running.size >= limit) break;
      if (task.after.every((name) => done.has(name) || !names.has(name))) begin(task);
    }
    if (running.size === 0) break;
    await Promise.race(running);
  }
  if (failure !== undefined) throw (failure as { readonly thrown: unknown }).thrown;
}
