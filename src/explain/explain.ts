import { isReason, named, type Reason, reasons } from "../session/reasons.ts";
import type { Evidence, Explanation, LogFact, LoginFacts, PodFact } from "./facts.ts";
import { type Cause, refusedSignIn, tooMany } from "./sign-in.ts";

/** Lines of evidence that are shown. */
const maxEvidence = 8;
/** How many lines of a crashed session's log are shown. */
const maxTail = 12;
/** An attempt that nobody looked into counts as the user's when it came from the same address so soon after. */
const sameAddressMs = 600_000;

/** What happened at a user's last login. Pure. */
export function explain(facts: LoginFacts): Explanation {
  const found = decide(facts);
  const evidence = [...evidenceOf(facts), ...(found.tail ?? [])];
  return {
    cause: found.cause,
    isWell: found.isWell === true,
    ...(found.at === undefined ? {} : { at: found.at }),
    text: found.text,
    try: found.try.filter((hint) => !/^nothing\b/.test(hint)),
    evidence,
  };
}

interface Found extends Cause {
  readonly at?: string | undefined;
  readonly isWell?: boolean;
  readonly tail?: readonly Evidence[];
}

function decide(facts: LoginFacts): Found {
  const last = facts.lines.filter(({ event }) => ["sign-in", "session", "waiting", "attach", "detach"].includes(event)).at(-1);
  const stuck = facts.pods.find(({ view }) => view.status.state === "ending" && view.status.overdue);
  if (stuck !== undefined) return ofPod(stuck, "stuck", facts);
  const limited = limitedAfter(facts, last);
  if (limited !== undefined) return { at: limited.time, ...tooMany(facts.user) };
  const failed = facts.pods.filter(({ view }) => view.status.state === "failed" && view.status.reason !== "ended");
  const newest = failed.filter((pod) => last === undefined || pod.time >= last.time || isAboutSession(last, pod)).at(-1);
  if (newest?.view.status.state === "failed") return ofPod(newest, newest.view.status.reason, facts);
  if (last === undefined) return nothingSeen(facts);
  switch (last.event) {
    case "sign-in":
      return last.fields["outcome"] === "ok" ? signedInOnly(last, facts) : { at: last.time, ...refusedSignIn(last, facts) };
    case "waiting":
      return stillWaiting(last, facts);
    case "session":
      return last.fields["outcome"] === "ready" ? notAttached(last, facts) : refusedSession(last, facts);
    case "attach":
      return last.fields["outcome"] === "ok" ? attached(last, facts) : refusedAttach(last, facts);
    default:
      return left(last, facts);
  }
}

/** The reason of a failed pod is the newest there is, or what the last line of the log speaks of. */
function isAboutSession(line: LogFact, pod: PodFact): boolean {
  return line.event === "session" && line.fields["outcome"] !== "ready" && line.fields["session"] === pod.name;
}

function limitedAfter({ lines, nameless }: LoginFacts, last: LogFact | undefined): LogFact | undefined {
  if (last?.event !== "sign-in" || last.fields["outcome"] !== "credentials") return undefined;
  const addresses = new Set(lines.filter(({ event }) => event === "sign-in").map(({ fields }) => fields["address"]));
  return nameless.findLast(
    ({ time, fields }) =>
      fields["outcome"] === "too-many" &&
      addresses.has(fields["address"]) &&
      time >= last.time &&
      Date.parse(time) - Date.parse(last.time) < sameAddressMs,
  );
}

function ofReason(reason: Reason, facts: LoginFacts, session?: string, detail?: string): Cause {
  const names = { namespace: facts.namespace, session };
  const { admin, try: hints } = reasons[reason];
  const cluster = detail === undefined || detail === "" ? "" : ` In the cluster's own words: ${ended(detail)}`;
  return { cause: reason, text: `${ended(sentence(named(admin, names)))}${cluster}`, try: hints.map((hint) => named(hint, names)) };
}

function ofPod(pod: PodFact, reason: Reason, facts: LoginFacts): Found {
  const { status } = pod.view;
  const detail = "detail" in status ? status.detail : undefined;
  const cause = ofReason(reason, facts, pod.name, detail);
  const crash = reason === "crashed" || reason === "ended" ? pod.tail.slice(-maxTail) : [];
  return {
    ...cause,
    at: pod.time,
    text: `The session ${pod.name} ${reason === "stuck" ? "cannot be closed" : "failed"}: ${lower(cause.text)}`,
    tail: crash.map((text) => ({ time: pod.time, from: `log of ${pod.name}`, text })),
  };
}

function refusedSession(line: LogFact, facts: LoginFacts): Found {
  const { outcome, session, detail, display, admin } = line.fields;
  const at = line.time;
  const reason = String(outcome);
  if (reason === "no-such-type") return { at, ...noSuchType(String(display ?? ""), facts) };
  if (isReason(reason)) return { at, ...ofReason(reason, facts, textOf(session), textOf(detail)) };
  // A broker of another version.
  return {
    at,
    cause: reason,
    text: ended(sentence(textOf(admin) ?? `the broker refused the session: ${reason}`)),
    try: ["vdi logs broker"],
  };
}

function noSuchType(display: string, facts: LoginFacts): Cause {
  if (facts.types.length === 0) return noTypes(facts);
  return {
    cause: "no-such-type",
    text: `${facts.user} asked for a session '${display}', and there is no such type for this user. There are: ${facts.types.join(", ")}.`,
    try: reasons["no-such-type"].try,
  };
}

function noTypes({ user }: LoginFacts): Cause {
  return {
    cause: "no-types",
    text: `${user} signed in, but there is not a single session type that this user may start.`,
    try: ["ls -l to_container/session_types/*/: scripts have to be executable", "vdi deploy"],
  };
}

function signedInOnly(line: LogFact, facts: LoginFacts): Found {
  const at = line.time;
  const { account, minUid, user, types } = facts;
  if (account !== undefined && (account.uid < minUid || account.gid === 0)) {
    return {
      at,
      cause: "low-uid",
      text: `${user} signed in, but has uid ${account.uid} and gid ${account.gid}: sessions need a uid of at least ${minUid} and a group other than 0.`,
      try: ["give the user another uid", "vdi config explain XPRA_MIN_UID"],
    };
  }
  if (types.length === 0) return { at, ...noTypes(facts) };
  // That a watch begins anew is how things are, and no trouble for anybody.
  const trouble = facts.trouble.filter(({ time, fields }) => time >= at && !/too old/.test(String(fields["error"]))).at(-1);
  if (trouble !== undefined) {
    return { at, ...ofReason("away", facts, undefined, textOf(trouble.fields["error"]) ?? textOf(trouble.fields["what"])) };
  }
  if (facts.proxies.ready < facts.proxies.wanted) return { at, ...brokerAway(facts) };
  const starting = facts.pods.find(({ view }) => view.status.state === "starting");
  if (starting?.view.status.state === "starting") {
    const { trouble: held, message } = starting.view.status;
    if (held !== undefined) return { at: starting.time, ...ofReason(held.reason, facts, starting.name, held.detail) };
    return {
      at: starting.time,
      isWell: true,
      cause: "starting",
      text: `The session ${starting.name} is being started: ${message}`,
      try: [],
    };
  }
  return {
    at,
    isWell: true,
    cause: "signed-in",
    text: `${user} signed in and has not asked for a session since.`,
    try: ["if the user did: vdi logs --since 10m"],
  };
}

function brokerAway({ proxies, namespace }: LoginFacts): Cause {
  return {
    cause: "broker-away",
    text: `Only ${proxies.ready} of ${proxies.wanted} proxies are ready${proxies.problem === undefined ? "" : ` (${proxies.problem})`}; one without its broker cannot start sessions.`,
    try: ["vdi status", "vdi logs broker --previous", `kubectl get pods -n ingress-${namespace}`],
  };
}

function stillWaiting(line: LogFact, facts: LoginFacts): Found {
  const reason = String(line.fields["reason"]);
  const cause = isReason(reason) ? ofReason(reason, facts, textOf(line.fields["session"]), textOf(line.fields["detail"])) : undefined;
  return {
    at: line.time,
    cause: reason,
    try: ["vdi logs broker"],
    ...cause,
    text: `The session is being waited for: ${lower(cause?.text ?? reason)}`,
  };
}

function notAttached(line: LogFact, facts: LoginFacts): Found {
  const session = textOf(line.fields["session"]) ?? "";
  const at = line.time;
  if (!isRunning(session, facts)) return gone(session, at, facts);
  return {
    at,
    cause: "not-attached",
    isWell: true,
    text: `The session ${session} was ready and still runs, but its user has not come to it since. When the page hangs there, look at the way between the browser and the proxy: a web proxy that does not let web sockets pass is the usual cause.`,
    try: ["the user opens the page again", "vdi logs proxy --since 10m"],
  };
}

function attached(line: LogFact, facts: LoginFacts): Found {
  const session = textOf(line.fields["session"]) ?? "";
  if (!isRunning(session, facts)) return gone(session, line.time, facts);
  return {
    at: line.time,
    isWell: true,
    cause: "attached",
    text: `All is well: ${facts.user} came to the session ${session}, which runs, and has not left it since.`,
    try: [],
  };
}

function refusedAttach(line: LogFact, facts: LoginFacts): Found {
  const { outcome, message } = line.fields;
  const at = line.time;
  // The broker's own line says more; it stands shortly before.
  const broker = facts.lines.findLast(
    ({ event, time, fields }) =>
      event === "session" && fields["outcome"] !== "ready" && Math.abs(Date.parse(time) - Date.parse(at)) < 60_000,
  );
  if (broker !== undefined) return refusedSession(broker, facts);
  const words = textOf(message);
  if (outcome === "gone") {
    return { at, cause: "gave-up", text: "The client went away before its session was there.", try: ["the user tries again"] };
  }
  if (outcome === "full") {
    return {
      at,
      cause: "full",
      text: "The proxy had as many clients as it takes.",
      try: ["raise REPLICAS, then vdi deploy", "vdi config explain XPRA_MAX_CLIENTS"],
    };
  }
  if (outcome === "broker" && facts.proxies.ready < facts.proxies.wanted) return { at, ...brokerAway(facts) };
  return {
    at,
    cause: String(outcome),
    text: `The proxy did not let ${facts.user} come to a session${words === undefined ? "" : `. The user was told: ${ended(words)}`}`,
    try: ["vdi logs --since 10m"],
  };
}

/** What the door and Xpra say when a connection ends by itself, and not because somebody ended it. */
const cutWords =
  /no answer|proxy server request|time(?:d )?out|ping|connection.?lost|reset|broken pipe|closed unexpectedly|connection error|network|EOF|silent/i;

function left(line: LogFact, facts: LoginFacts): Found {
  const session = textOf(line.fields["session"]) ?? "";
  const reason = textOf(line.fields["reason"]) ?? "";
  const at = line.time;
  const runs = isRunning(session, facts);
  const now = runs ? `The session ${session} runs on.` : `The session ${session} has ended since.`;
  if (cutWords.test(reason)) {
    return {
      at,
      cause: "cut",
      text: `${facts.user} was in the session ${session} when the connection was lost (${reason}). ${now}`,
      try: [
        runs ? "the user signs in again and finds everything as it was" : "the user signs in again, and gets a new session",
        "the network between the user and the proxies, when it happens again and again; vdi config explain XPRA_PING_TIMEOUT",
      ],
    };
  }
  return {
    at,
    isWell: true,
    cause: "well",
    text: `All is well: the last login of ${facts.user} ended normally (${reason}). ${now}`,
    try: [],
  };
}

function gone(session: string, at: string, { user }: LoginFacts): Found {
  return {
    at,
    isWell: true,
    cause: "well",
    text: `All is well: ${user} was let into the session ${session}, and it has ended since, without an error that the cluster would still show.`,
    try: ["if it ended against the user's will: vdi logs --since 1h"],
  };
}

function nothingSeen(facts: LoginFacts): Found {
  const { user, account, usesLocalUsers, from, nameless, proxies } = facts;
  const since = `since ${from.slice(0, 16).replace("T", " ")} UTC`;
  if (proxies.ready === 0) {
    return {
      ...brokerAway(facts),
      cause: "no-proxy",
      text: `No proxy is ready${proxies.problem === undefined ? "" : ` (${proxies.problem})`}: nobody can sign in.`,
    };
  }
  if (account === undefined || !usesLocalUsers) {
    const tries = nameless.filter(({ fields }) => fields["outcome"] === "credentials");
    const last = tries.at(-1);
    const seen =
      last === undefined
        ? `There was no attempt under an unknown name ${since} either.`
        : `${tries.length === 1 ? "There was one attempt under a name that is no account" : `There were ${tries.length} attempts under names that are no accounts, the last one`} from ${String(last.fields["address"] ?? "an unknown address")}; such names are not written down, because people type passwords there.`;
    const local =
      account === undefined ? "is not among the users of the deployment directory" : "is not used, because XPRA_DEMO_USERS is not Y";
    return {
      ...(last === undefined ? {} : { at: last.time }),
      cause: "unknown-user",
      text: `${user} ${local}, and the proxies saw no sign-in of an account of this name ${since}. ${seen}`,
      try: ["vdi users list: is the name spelled so?", `getent passwd ${user}, in a proxy's container, where a directory service is used`],
    };
  }
  return {
    cause: "nothing-seen",
    text: `No sign-in of ${user} was seen ${since}: either it did not get as far as the proxies (address, firewall, certificate warning), or it was longer ago than their logs go.`,
    try: ["--since 7d looks further back", "vdi check", "vdi status shows the addresses"],
  };
}

function isRunning(session: string, { pods }: LoginFacts): boolean {
  return pods.some(({ name, view }) => name === session && (view.status.state === "ready" || view.status.state === "starting"));
}

function evidenceOf({ lines, nameless, pods, user }: LoginFacts): readonly Evidence[] {
  const addresses = new Set(lines.map(({ fields }) => fields["address"]));
  const logs = [
    ...lines,
    ...nameless.filter(({ fields }) => lines.length === 0 || (fields["outcome"] === "too-many" && addresses.has(fields["address"]))),
  ];
  const events = pods.flatMap(({ name, events: all }) =>
    all.map(({ time, reason, message }) => ({ time, from: `event of ${name}`, text: `${reason}: ${message}` })),
  );
  return [...logs.map((line) => ({ time: line.time, from: `${line.pod}/${line.container}`, text: wordsOf(line, user) })), ...events]
    .sort((a, b) => (a.time < b.time ? -1 : 1))
    .slice(-maxEvidence);
}

function wordsOf({ event, fields }: LogFact, user: string): string {
  const { outcome, reason, address, door, session, display, times, detail, message } = fields;
  const what =
    fields["user"] === "" ? `${event} of an unknown name` : fields["user"] === user ? event : `${event} of ${String(fields["user"])}`;
  const facts = [
    outcome ?? reason,
    outcome === undefined ? undefined : reason,
    session ?? display,
    address !== undefined && door !== undefined ? `from ${String(address)} by ${String(door)}` : undefined,
    times !== undefined ? `${String(times)} times` : undefined,
  ];
  const more = textOf(detail) ?? textOf(message);
  return `${what}: ${facts.filter((fact) => fact !== undefined).join(", ")}${more === undefined ? "" : ` (${more})`}`;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}`;
}

function lower(text: string): string {
  return `${text[0]?.toLowerCase() ?? ""}${text.slice(1)}`;
}

function ended(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
