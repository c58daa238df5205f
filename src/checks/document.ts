import { possibleWeaknesses } from "../deployment/weaknesses.ts";
import { allChecks } from "./all.ts";
import { type Check, categories } from "./check.ts";

const introduction = `# Checks

\`vdi check --pre\` looks at everything that has to hold before a deployment; \`vdi check\` looks at the same and at the deployment
that is on the cluster. Neither changes anything (\`--probe-network\` makes a pod for some seconds). Each line is a check of this
page; what is not fine comes with what was found, what to try, and the chapter here.

\`\`\`
vdi check --pre                 before vdi deploy
vdi check                       afterwards, and whenever something is odd
vdi check -o json               for a program; the exit code says the rest
\`\`\`

| it says | it means |
| --- | --- |
| \`ok\` | it holds |
| \`warn\` | it works, but somebody should know; the exit code stays 0 |
| \`FAIL\` | it does not hold: exit code 3 |
| \`skip\` | it was not looked at, and why: something that it needs failed, or you may not read it |

This page is made from the checks themselves (\`npm run docs\`).
`;

/** The text of `doc/checks.md`, made from the checks. */
export function checksDocument(): string {
  const parts = [introduction];
  for (const [key, title] of Object.entries(categories)) {
    const members = allChecks.filter(({ category }) => category === key);
    if (members.length === 0) continue;
    parts.push(`## ${title[0]?.toUpperCase()}${title.slice(1)}\n`, ...members.map(chapterOf));
  }
  const rows = possibleWeaknesses.map(({ what, consequence }) => `| ${/^[A-Z_]+$/.test(what) ? `\`${what}\`` : what} | ${consequence} |`);
  parts.push(weakerIntroduction, "| what | what it means |", "| --- | --- |", ...rows);
  return `${parts.join("\n").trimEnd()}\n`;
}

const weakerIntroduction = `## Weaker than the default

\`vdi status\` lists what is weaker than the default, from the configuration and, where the cluster has something else than the
directory says, from the cluster. None of it is wrong by itself: somebody has decided so, and whoever looks should know.
`;

function chapterOf(check: Check<never>): string {
  const facts = [
    check.severity === "fatal" ? "fails" : "warns only",
    check.onlyDeployed === true ? "of a deployment that is on the cluster" : "before and after a deployment",
  ];
  const tries = check.hint.map((hint) => `- ${hint}`).join("\n");
  return `### ${check.id}\n\n*${check.description}* (${facts.join("; ")})\n\n${check.looksAt}\n\nWhat to try:\n\n${tries}\n`;
}
