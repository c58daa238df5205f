import { changeMe, directoryNameReference, directoryReference, sections, type Variable } from "./variable.ts";
import { variables } from "./variables.ts";

const introduction = `# Configuration

A deployment is described by one file, \`deploy/vdi.env\` in its directory. \`vdi config show\` prints every variable with its
value and where that comes from; \`vdi config check\` finds what is wrong with it. Neither changes anything.

This page is made from the table of variables in \`src/config/variables.ts\` (\`npm run docs\`).

## The file

\`NAME=value\` lines and comments; nothing in it is ever run.

\`\`\`sh
# a comment
DOMNAME=example.org
EXTERNALIPS=192.0.2.10 192.0.2.11     # a comment behind a value, after a space
IMAGE_DEFAULT=\${XPRA_REGISTRY_SRV}/vdi-xfce4
XPRA_MOTTO='taken as it is: $HOME, \${NAMESPACE}, "quotes"'
XPRA_GREETING="two\\nlines, \${NAMESPACE}, a quote \\" and a dollar sign \\$"
\`\`\`

- The file is UTF-8. While it is not, no command writes into it (\`vdi init --set\`, \`vdi local up --port\`): characters would be lost.
- Without quotes a value goes to the end of the line. In single quotes it is taken as it is. In double quotes \`\\n \\t \\r \\" \\\\ \\$\` have their usual meaning. Quoted values may have several lines.
- \`\${NAME}\` stands for the value of another variable, wherever that one is set; not in single quotes. \`\${${directoryReference}}\` is the deployment directory, \`\${${directoryNameReference}}\` its name. A variable that refers to itself, also by way of others, is an error.
- A variable that is still \`${changeMe}\` ends every command that works with the deployment with exit code 2 before anything is touched (\`vdi init\`, \`vdi config\`, \`vdi users list\` and \`vdi check\` still look at it). The message names all of them, with file and line.

## Which value counts

Later ones win: the default of this page, \`deploy/vdi.env\`, the environment of \`vdi\`, the command line (\`--namespace\`).
From the environment come the variables of this page and others that have a line in the file, even an empty one. So the
variables that Xpra itself sets in a session do not get into a deployment that is made from there.

## Your own variables

Any other \`XPRA_*\` variable is your own: it goes into \`etc/xpra-vars.sh\`, into the proxies' environment and into every session.
When its name has PASSWORD, PASSWD, PASSPHRASE, SECRET, TOKEN, CREDENTIAL or KEY in it, it is kept in a Secret that only the proxies
see: no session and no file of the pods has it, and no command shows it.

\`IMAGE_<SESSION>\` is the image of one session type: its name in capitals, every character that is neither letter nor digit as \`_\`
(\`desktop-office\` has \`IMAGE_DESKTOP_OFFICE\`). Without it a type has \`IMAGE_DEFAULT\`.
`;

/** The text of `doc/configuration.md`, made from the table of variables. */
export function configurationPage(): string {
  const parts = [introduction];
  for (const [key, title] of Object.entries(sections)) {
    const members = variables.filter((variable) => variable.section === key);
    parts.push(`## ${title}\n`);
    if (key === "old") parts.push(oldTable(members));
    else parts.push(...members.map(chapterOf));
  }
  return `${parts.join("\n").trimEnd()}\n`;
}

function chapterOf(variable: Variable): string {
  const facts = [
    variable.default === changeMe
      ? "no default: you have to decide"
      : variable.default === ""
        ? "default: empty"
        : `default: \`${variable.default}\``,
    `value: ${variable.type.name}`,
    `used by: ${variable.usedBy.join(", ")}`,
  ];
  if (variable.secret === true) facts.push("secret");
  const later = variable.later === true ? "\n*Read and checked, but not used by this version yet.*\n" : "";
  return `### ${variable.name}\n\n${variable.meaning}\n\n- ${facts.join("\n- ")}\n${later}`;
}

function oldTable(members: readonly Variable[]): string {
  const rows = members.map((variable) => `| \`${variable.name}\` | ${variable.dropped ?? ""} |`);
  return `These do nothing; \`vdi config check\` says so when one has a value.\n\n| variable | why |\n| --- | --- |\n${rows.join("\n")}\n`;
}
