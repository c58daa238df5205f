/** One line of the broker's log. Values are plain; a session's secret is never among them. */
export type AuditFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Writes the broker's log: a JSON object a line, on standard output. */
export type Audit = (event: string, fields: AuditFields) => void;

/** Makes the log; `write` gets whole lines. */
export function auditTo(write: (line: string) => void, now: () => number = Date.now): Audit {
  return (event, fields) => write(`${JSON.stringify({ time: new Date(now()).toISOString(), event, ...fields })}\n`);
}
