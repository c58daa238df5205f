/** Where a file of the admin's goes that gives way to another one now, below the deployment directory. Pure. */
export function replacedDirectory(now: number): string {
  return `protected/replaced/${new Date(now).toISOString().replace(/[:.]/g, "-")}`;
}
