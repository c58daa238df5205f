import { deploymentLabelsOf, dockerLabels, networkOf, ourLabels, sessionObject } from "../engine/docker-names.ts";
import { type EngineClient, EngineError, filtersOf, isEngineStatus } from "../engine/engine-client.ts";
import { subnetsFor } from "../engine/subnets.ts";
import { SessionRefusal } from "../session/refusal.ts";

/** A network of the engine: what of it is used here. */
interface Network {
  readonly Id: string;
  readonly Name: string;
}

/** The networks of a deployment's sessions: one a container, so that none reaches another. */
export interface SessionNetworks {
  /**
   * Makes sure that there is the network of these parts, and that the proxies are in it that there are once it is there: one that comes
   * later finds it. Throws a `SessionRefusal` when there is no room for one.
   */
  ensure(parts: string, proxies: ReadonlySet<string>): Promise<void>;
  /** Puts a proxy into the networks of all sessions but those, by id, that it is in. */
  admit(proxy: string, joined: ReadonlySet<string>): Promise<void>;
  /** Removes the network of these parts; it stays while a session is in it. */
  drop(parts: string): Promise<void>;
  /** The parts that there are networks of. */
  list(): Promise<readonly string[]>;
}

/** As many subnets that others have are stepped over. */
const maxTries = 512;

/** The networks of a deployment's sessions, cut out of `pool` (CIDR). Every step may be done again, by any broker. */
export function sessionNetworks(client: EngineClient, namespace: string, pool: () => string): SessionNetworks {
  async function list(parts = ""): Promise<readonly Network[]> {
    const name = sessionObject(namespace, parts);
    const filters = filtersOf({ label: ourLabels(namespace, "session"), name: [name] });
    const networks = await client.json<readonly Network[] | null>({ path: "/networks", query: { filters } });
    // The engine gives all that have the name in their own.
    const those = (networks ?? []).filter(({ Name: found }) => parts === "" || found === name);
    return those.sort((a, b) => (a.Id < b.Id ? -1 : 1));
  }

  /** The engine lets two of one name be made in the same moment: all brokers then take the same one, and remove the other. */
  async function only(parts: string): Promise<string | undefined> {
    const [first, ...others] = await list(parts);
    for (const { Id: id } of others) await removeNetwork(client, id);
    return first?.Id;
  }

  async function make(parts: string): Promise<string> {
    const name = sessionObject(namespace, parts);
    let last = "";
    let tries = 0;
    for (const subnet of subnetsFor(pool(), parts)) {
      if (tries >= maxTries) break;
      tries += 1;
      try {
        const { Id: id } = await client.json<{ Id: string }>({
          method: "POST",
          path: "/networks/create",
          body: {
            Name: name,
            CheckDuplicate: true,
            Driver: "bridge",
            Labels: deploymentLabelsOf(namespace, "session"),
            IPAM: { Config: [{ Subnet: subnet }] },
          },
        });
        return id;
      } catch (thrown) {
        if (isEngineStatus(thrown, 409)) {
          const known = await only(parts);
          if (known !== undefined) return known;
          throw new SessionRefusal("foreign", { detail: `a network ${name} that is not ours` });
        }
        if (!(thrown instanceof EngineError) || !/overlap/i.test(thrown.message)) throw thrown;
        last = thrown.message;
      }
    }
    throw new SessionRefusal("no-room", { detail: `${tries} subnets of ${pool()} are taken: ${last}` });
  }

  return {
    async ensure(parts, proxies) {
      const id = (await only(parts)) ?? (await make(parts));
      await Promise.all([...proxies].map((proxy) => connect(client, id, proxy)));
    },
    async admit(proxy, joined) {
      for (const { Id: id } of await list()) if (!joined.has(id)) await connect(client, id, proxy);
    },
    async drop(parts) {
      for (const { Id: id } of await list(parts)) await removeNetwork(client, id);
    },
    async list() {
      return (await list()).map(({ Name: name }) => name.slice(sessionObject(namespace, "").length));
    },
  };
}

/** The network may be gone by now, and the proxy; it may be in there already. */
async function connect(client: EngineClient, network: string, container: string): Promise<void> {
  await client
    .send({ method: "POST", path: `/networks/${network}/connect`, body: { Container: container } })
    .catch(unless(/already exists|is not running|marked for removal/i, 404));
}

/** Throws again what the engine says neither in these words nor by this status. */
function unless(words: RegExp, status?: number): (thrown: unknown) => void {
  return (thrown) => {
    if (!(thrown instanceof EngineError && (thrown.status === status || words.test(thrown.message)))) throw thrown;
  };
}

/** Takes the proxies out and removes the network, unless a session is in it. */
async function removeNetwork(client: EngineClient, id: string): Promise<void> {
  try {
    const { Name: network, Containers: containers } = await client.json<{
      readonly Name: string;
      readonly Containers?: Readonly<Record<string, { readonly Name?: string }>>;
    }>({ path: `/networks/${id}` });
    const attached = await Promise.all(
      Object.entries(containers ?? {}).map(async ([listed, { Name: name = "" }]) => {
        // What an engine without space could not take out belongs to no container any more, and is known by that one's name: the next one
        // of the session may have it by now.
        const isLeft = listed.startsWith("ep-");
        const container = isLeft ? name : listed;
        const labels = await labelsOf(client, container);
        // A proxy may have been removed in the middle.
        return [
          container,
          labels === undefined || (isLeft ? networkOf(labels) !== network : labels[dockerLabels.component] === "proxy"),
        ] as const;
      }),
    );
    if (attached.some(([, mayGo]) => !mayGo)) return;
    for (const [container] of attached) {
      await client
        .send({ method: "POST", path: `/networks/${id}/disconnect`, body: { Container: container, Force: true } })
        .catch(unless(/is not connected/));
    }
    await client.send({ method: "DELETE", path: `/networks/${id}` });
  } catch (thrown) {
    // Gone, or somebody came into it meanwhile.
    if (isEngineStatus(thrown, 403, 404, 409)) return;
    throw thrown;
  }
}

/** A container's labels; undefined when it is gone. */
async function labelsOf(client: EngineClient, container: string): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    const { Config: config } = await client.json<{ readonly Config: { readonly Labels?: Readonly<Record<string, string>> | null } }>({
      path: `/containers/${container}/json`,
    });
    return config.Labels ?? {};
  } catch (thrown) {
    if (isEngineStatus(thrown, 404)) return undefined;
    throw thrown;
  }
}
