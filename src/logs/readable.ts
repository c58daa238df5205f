/** The object that a line of a program's log is; undefined for any other line. */
export function eventOf(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const first = ["user", "session", "outcome", "reason"];
const last = ["message", "admin", "detail", "error", "what"];

/** A line of JSON for people: time, what happened, to whom, how; sentences at the end. Pure. */
export function readable(event: Readonly<Record<string, unknown>>): string {
  const { time, event: what, ...fields } = event;
  const clock = typeof time === "string" ? `${time.slice(11, 19)} ` : "";
  const names = Object.keys(fields).filter((name) => fields[name] !== undefined && fields[name] !== "");
  const short = [...first.filter((name) => names.includes(name)), ...names.filter((name) => !first.includes(name) && !last.includes(name))];
  const facts = short.map((name) => ` ${name}=${wordOf(fields[name])}`).join("");
  const sentences = last.filter((name) => names.includes(name)).map((name) => String(fields[name]));
  return `${clock}${typeof what === "string" ? what : "line"}${facts}${sentences.length === 0 ? "" : `: ${sentences.join("; ")}`}`;
}

function wordOf(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[^\s"]+$/.test(text) ? text : JSON.stringify(text);
}
