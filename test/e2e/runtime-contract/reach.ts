import { sessionObject } from "../../../src/engine/docker-names.ts";
import { eventually } from "../support/wait.ts";
import type { DockerPlace } from "./docker-place.ts";
import { type Broker, newUser } from "./place.ts";

/** Which of these addresses take a connection, tried from inside a container. */
async function reached(place: DockerPlace, container: string, addresses: readonly string[]): Promise<readonly string[]> {
  const program = [
    "import socket, sys, threading",
    "def reach(host):",
    "    try:",
    "        socket.create_connection((host, 14500), timeout=4).close()",
    "        print(host, flush=True)",
    "    except OSError:",
    "        pass",
    "threads = [threading.Thread(target=reach, args=(host,)) for host in sys.argv[1:]]",
    "[each.start() for each in threads]",
    "[each.join() for each in threads]",
  ].join("\n");
  const { code, output } = await place.exec(container, ["python3", "-c", program, ...addresses]);
  if (code !== 0) throw new Error(`${container}: ${output}`);
  return output.split(/\s+/).filter(Boolean).sort();
}

/** Waits until a container reaches all of these addresses. */
export async function untilReached(place: DockerPlace, container: string, addresses: readonly string[]): Promise<void> {
  await eventually(
    `${container} reaches all`,
    () => reached(place, container, addresses),
    (found) => found.length === addresses.length,
  );
}

/** What a session reaches of these addresses, its own among them: a try that finds not even that one is none, and is made again. */
export function reachedBySession(place: DockerPlace, container: string, addresses: readonly string[]): Promise<readonly string[]> {
  return eventually(
    `${container} reaches itself`,
    () => reached(place, container, addresses),
    (found) => found.length > 0,
  );
}

/** Starts sessions of as many users at once, and tells where they are. */
export async function startMany(
  place: DockerPlace,
  broker: Broker,
  count: number,
): Promise<readonly { container: string; host: string }[]> {
  const users = Array.from({ length: count }, newUser);
  const opened = await Promise.all(users.map((user) => broker.sessions.getOrStart(user, "listening", () => undefined)));
  return opened.map(({ name, address }) => ({ container: sessionObject(place.config().namespace, name), host: address.host }));
}
