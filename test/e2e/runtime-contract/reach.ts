import { sessionObject } from "../../../src/engine/docker-names.ts";
import type { DockerPlace } from "./docker-place.ts";
import { type Broker, newUser } from "./place.ts";

/** Which of these addresses take a connection, tried from inside a container. */
export async function reached(place: DockerPlace, container: string, addresses: readonly string[]): Promise<readonly string[]> {
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
