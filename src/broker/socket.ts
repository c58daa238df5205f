import { chmodSync, chownSync, mkdirSync, unlinkSync } from "node:fs";
import type { Server } from "node:http";
import { connect } from "node:net";
import { dirname } from "node:path";
import { messageOf, VdiError } from "../util/vdi-error.ts";

/** The supplementary group of the pod that may use the socket. */
const defaultGroup = 65533;

/**
 * Listens on a unix socket that only this user and one group can reach: the directory 2750, the socket 0660.
 * A socket that a killed broker left is replaced; one that still answers is an error.
 */
export async function listenOnSocket(server: Server, path: string, group: number = defaultGroup): Promise<void> {
  const directory = dirname(path);
  mkdirSync(directory, { recursive: true });
  own(directory, group, 0o2750);
  if (await answers(path)) throw new VdiError({ what: `another broker listens on ${path}` });
  removeIfThere(path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path, backlog: 511 }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
  own(path, group, 0o660);
}

/** A process may give its files to a group that it is in. Outside a pod it is in no such group, and its own one stays. */
function own(path: string, group: number, mode: number): void {
  try {
    const uid = process.getuid?.() ?? -1;
    if (process.getgroups?.().includes(group) === true) chownSync(path, uid, group);
    chmodSync(path, mode);
  } catch (thrown) {
    throw new VdiError({
      what: `${path} cannot be made safe`,
      why: messageOf(thrown),
      try: "give the broker a directory of its own",
      cause: thrown,
    });
  }
}

/** True when somebody accepts connections there. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ENOENT") throw thrown;
  }
}
