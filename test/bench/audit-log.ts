import { open, stat } from "node:fs/promises";

/** A finished request in the API server's audit log. */
export interface ApiRequest {
  readonly verb: string;
  readonly uri: string;
  readonly status: number;
}

interface AuditLine {
  readonly verb: string;
  readonly requestURI: string;
  readonly stage: string;
  readonly user: { readonly username: string };
  readonly responseStatus?: { readonly code?: number };
}

/** Notes where the log ends, and gives what was written to it since then, by accounts of one namespace. A watch or a followed log that goes on is not finished. */
export async function auditFrom(file: string, namespace: string): Promise<() => Promise<readonly ApiRequest[]>> {
  const { size: from } = await stat(file);
  return async () => {
    const { size } = await stat(file);
    const log = await open(file);
    try {
      const buffer = Buffer.alloc(Math.max(0, size - from));
      await log.read(buffer, 0, buffer.length, from);
      return buffer
        .toString("utf8")
        .split("\n")
        .filter((line) => line.endsWith("}"))
        .map((line) => JSON.parse(line) as AuditLine)
        .filter(({ user, stage }) => stage === "ResponseComplete" && user.username.startsWith(`system:serviceaccount:${namespace}:`))
        .map(({ verb, requestURI, responseStatus }) => ({ verb, uri: requestURI, status: responseStatus?.code ?? 0 }));
    } finally {
      await log.close();
    }
  };
}

const writing = new Set(["create", "update", "patch", "delete", "deletecollection"]);

/** True for a request that changes something. */
export function isWrite({ verb }: ApiRequest): boolean {
  return writing.has(verb);
}
