/** The exit codes of `vdi`; every command uses these and no others. */
export const ExitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  checkFailed: 3,
  timedOut: 4,
  unreachable: 5,
  bug: 70,
  interrupted: 130,
} as const;

/** One of the exit codes of `vdi`. */
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
