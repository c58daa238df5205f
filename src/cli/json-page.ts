import type { AnyCommand } from "../util/command.ts";
import { rowsOf, type Shape } from "../util/shape.ts";
import { failureShape } from "./print-error.ts";

const introduction = `# Results for scripts

Every command takes \`-o json\` (and \`-o yaml\`, the same data). Then

- standard output is the result and nothing else: one JSON document, or for a command that goes on (\`vdi logs\`,
  \`vdi local logs\`) one JSON object a line, each written when it comes;
- standard error is for people (progress, warnings). With \`-o json\`, a command that fails without a result ends it with a JSON
  object, its **last line**, described below;
- the exit code says how it went: 0 done, 1 failed, 2 usage or configuration, 3 a check found problems or what was asked about is
  not ready, 4 timed out, 5 the cluster or the container engine cannot be reached, or the cluster refuses, 70 a bug,
  130 interrupted. A command that finds problems (codes 2 and 3), or has changed users and could not tell the proxies, gives its
  result and no such line; so does one that goes on and is interrupted.

\`\`\`
vdi sessions list -o json | jq -r '.sessions[] | select(.state == "failed") | .name'
\`\`\`

**What stays.** Within a major version fields are added, never renamed, removed or given another meaning or type; the values of a
field that is described as a choice may become more. So a script should pass over what it does not know. No result holds a
secret, except passwords of demo users (\`vdi users add-demo\`, \`vdi local users add-demo\`, \`vdi local up\`).

This page is made from the commands (\`npm run docs\`), and the tests hold every result against it. Times are in UTC, RFC 3339.
`;

/** The text of `doc/json.md`, made from the shapes of the commands. */
export function jsonPage(commands: readonly AnyCommand[]): string {
  const chapters = commands.map((command) => {
    const each = "stream" in command ? "One object a line:\n\n" : "";
    const title = `## vdi ${command.path.join(" ")}`;
    return `${title}\n\n${sentence(command.summary)}\n\n${each}${tableOf(command.shape)}`;
  });
  const failure = `## A command that failed\n\nThe last line of standard error, with \`-o json\`:\n\n${tableOf(failureShape)}`;
  return `${[introduction, failure, ...chapters].join("\n").trimEnd()}\n`;
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase()}${text.slice(1)}.`;
}

function tableOf(shape: Shape): string {
  const rows = rowsOf(shape).map(
    ({ path, kind, does }) => `| ${path === "" ? "(the whole)" : `\`${path}\``} | ${kind} | ${does.replaceAll("|", "\\|")} |`,
  );
  return `| field | value | meaning |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
}
