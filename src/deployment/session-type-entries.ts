import type { SessionTypeEntry } from "../session/sessions-config.ts";
import type { DirectoryFile } from "./deployment-files.ts";

/** A scope directory and a script in it, whose name is made of what a display may be made of. */
const scriptPath = /^([^/]+)\/xpra_startup_([A-Za-z0-9._-]+)\.sh$/;

/** What was found in `session_types`, and what looks like a session type but cannot be one. */
export interface SessionTypeScan {
  readonly entries: readonly SessionTypeEntry[];
  readonly warnings: readonly string[];
}

/** The session types of a deployment: its executable scripts `SCOPE/xpra_startup_TYPE.sh`, with the words of their comments. */
export function sessionTypeEntries(files: readonly DirectoryFile[]): SessionTypeScan {
  const entries: SessionTypeEntry[] = [];
  const warnings: string[] = [];
  for (const { path, content, executable } of files) {
    const [, scope, type] = scriptPath.exec(path) ?? [];
    if (scope === undefined || type === undefined) {
      if (/(^|\/)xpra_startup_/.test(path))
        warnings.push(`session_types/${path} is no session type: its name or place is not default/xpra_startup_TYPE.sh`);
      continue;
    }
    if (!executable) {
      warnings.push(`session_types/${path} is not executable, so it is no session type (chmod +x)`);
      continue;
    }
    const words = commentWords(Buffer.from(content).toString("utf8"));
    entries.push({
      scope,
      type,
      script: path,
      title: words["title"] ?? type,
      description: words["description"] ?? "",
      ...(words["icon"] === undefined ? {} : { icon: words["icon"] }),
      ...(words["image"] === undefined ? {} : { image: words["image"] }),
    });
  }
  return { entries, warnings };
}

/** `# title: Office desktop` and the like; the first of each counts. */
function commentWords(script: string): Readonly<Record<string, string>> {
  const words: Record<string, string> = {};
  for (const [, name, text] of script.matchAll(/^#\s*(title|description|icon|image):[ \t]*(\S.*?)[ \t]*$/gim)) {
    if (name !== undefined && text !== undefined) words[name.toLowerCase()] ??= text;
  }
  return words;
}
