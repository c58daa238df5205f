import { type Reason, type ReasonWords, reasons } from "./reasons.ts";
import { dockerWords } from "./reasons-docker.ts";

const head = `# When a session does not start

<!-- Made from src/session/reasons.ts by \`npm run docs\`. -->

Every reason that a session is refused or waited for, or has ended. The user sees the sentence in quotation marks, or one that also
names the user, the type or the types there are, and nothing of the cluster or the engine. The admin finds the reason in the broker's
log as \`outcome\` (\`reason\` in the lines \`waiting\` and \`refused\`), with what to do as \`admin\` and the cluster's own words as
\`detail\`; \`vdi sessions list\` names it for the sessions that are there.

*The hook* is \`/usr/lib/vdi/bin/start_or_get_pod\`, called by hand in the container \`proxy\` for one session (\`--help\` says how); it
asks the broker by its socket.

- What is held up (no room on a node, a volume) is waited for, and a place that becomes free is used. When nobody waits any more
  the pod is removed after \`XPRA_KEEP_PENDING\`.
- A session that fails while it starts is told to its user and stays to be looked at; the next try starts anew.
- A session that loses its node while it starts is tried on another one, three times at most.
- A session that ended against its user's will stays for \`XPRA_KEEP_FAILED\`: the next sign-in starts a new one and says why.
- A session that should be gone and is not is never started a second time beside it: only an admin can know that it has stopped.

\`NS\` stands for the sessions' namespace, \`POD\` and \`NAME\` for the session. Where sessions run on one container engine (\`vdi local\`),
what is said of it stands after "on one machine", and \`NS\` is the deployment's name.
`;

/** The page about reasons, in Markdown. Pure. */
export function reasonsPage(): string {
  const entries = Object.entries(reasons) as [Reason, ReasonWords][];
  return `${[head.trimEnd(), ...entries.map(([reason, words]) => chapter(reason, words))].join("\n\n")}\n`;
}

function chapter(reason: Reason, { user, previous, admin, try: hints, code }: ReasonWords): string {
  const docker = dockerWords[reason];
  return [
    `## ${reason}`,
    "",
    `${admin.charAt(0).toUpperCase()}${admin.slice(1)}.`,
    "",
    `- the user: "${user}"`,
    ...(previous === undefined ? [] : [`- at the next sign-in: "${previous}"`]),
    ...hints.map((hint) => `- try: ${hint}`),
    ...(docker === undefined ? [] : [`- on one machine: ${docker.admin ?? admin}`, ...docker.try.map((hint) => `- try there: ${hint}`)]),
    `- exit code of the hook: ${code}`,
  ].join("\n");
}
