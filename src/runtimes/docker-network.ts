import { deploymentLabelsOf, dockerLabels, sessionObject } from "../engine/docker-names.ts";
import { type EngineClient, EngineError, filtersOf, isEngineStatus } from "../engine/engine-client.ts";
import { subnetsFor } from "../engine/subnets.ts";
import { SessionRefusal } from "../session/refusal.ts";

/** A network of the engine: what of it is used here. */
interface Network {
  readonly Id: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

/** The networks of a deployment's sessions: one a session, so that none reaches another. */
export interface SessionNetworks {
  /** Makes sure that a session has its network, and that these proxies are in it. Throws a `SessionRefusal` when there is no room for one. */
  ensure(session: string, proxies: readonly string[]): Promise<void>;
  /** Puts a proxy into the networks of all sessions but those, by id, that it is in. */
  admit(proxy: string, joined: ReadonlySet<string>): Promise<void>;
  /** Removes a session's network; it stays while a session is in it. */
  drop(session: string): Promise<void>;
  /** Removes the networks of sessions that are not there any more. */
  sweep(): Promise<void>;
}

/** As many subnets that others have are stepped over. */
const maxTries = 512;

/** The networks of a deployment's sessions, cut out of `pool` (CIDR). Every step may be done again, by any broker. */
export function sessionNetworks(client: EngineClient, namespace: string, pool: () => string): SessionNetworks {
  const labels = deploymentLabelsOf(namespace, "session");

  async function list(session?: string): Promise<readonly Network[]> {
    const wanted = { ...labels, ...(session === undefined ? {} : { [dockerLabels.session]: session }) };
    const label = Object.entries(wanted).map(([key, value]) => `${key}=${value}`);
    const networks = await client.json<readonly Network[] | null>({ path: "/networks", query: { filters: filtersOf({ label }) } });
    return [...(networks ?? [])].sort((a, b) => (a.Id < b.Id ? -1 : 1));
  }

  /** The engine lets two of one name be made in the same moment: all brokers then take the same one, and remove the other. */
  async function only(session: string): Promise<string | undefined> {
    const [first, ...others] = await list(session);
    for (const { Id: id } of others) await removeNetwork(client, id);
    return first?.Id;
  }

  async function make(session: string): Promise<string> {
    let last = "";
    let tries = 0;
    for (const subnet of subnetsFor(pool(), session)) {
      if (tries >= maxTries) break;
      tries += 1;
      try {
        const { Id: id } = await client.json<{ Id: string }>({
          method: "POST",
          path: "/networks/create",
          body: {
            Name: sessionObject(namespace, session),
            CheckDuplicate: true,
            Driver: "bridge",
            Labels: { ...labels, [dockerLabels.session]: session },
            IPAM: { Config: [{ Subnet: subnet }] },
          },
        });
        return id;
      } catch (thrown) {
        if (isEngineStatus(thrown, 409)) {
          const known = await only(session);
          if (known !== undefined) return known;
          throw new SessionRefusal("foreign", { detail: `a network ${sessionObject(namespace, session)} that is not ours` });
        }
        if (!(thrown instanceof EngineError) || !/overlap/i.test(thrown.message)) throw thrown;
        last = thrown.message;
      }
    }
    throw new SessionRefusal("no-room", { detail: `${tries} subnets of ${pool()} are taken: ${last}` });
  }

  return {
    async ensure(session, proxies) {
      const id = (await only(session)) ?? (await make(session));
      await Promise.all(proxies.map((proxy) => connect(client, id, proxy)));
    },
    async admit(proxy, joined) {
      for (const { Id: id } of await list()) if (!joined.has(id)) await connect(client, id, proxy);
    },
    async drop(session) {
      for (const { Id: id } of await list(session)) await removeNetwork(client, id);
    },
    async sweep() {
      // In this order: the container of a session is made before its network, so that a network which is listed here without one had one.
      const networks = await list();
      if (networks.length === 0) return;
      const label = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
      const containers = await client.json<readonly { readonly Labels: Readonly<Record<string, string>> }[]>({
        path: "/containers/json",
        query: { all: true, filters: filtersOf({ label }) },
      });
      const alive = new Set(containers.map((container) => container.Labels[dockerLabels.session]));
      for (const { Id: id, Labels: own } of networks) if (!alive.has(own?.[dockerLabels.session])) await removeNetwork(client, id);
    },
  };
}

/** The network may be gone by now, and the proxy; it may be in there already. */
async function connect(client: EngineClient, network: string, container: string): Promise<void> {
  try {
    await client.send({ method: "POST", path: `/networks/${network}/connect`, body: { Container: container } });
  } catch (thrown) {
    if (
      isEngineStatus(thrown, 404) ||
      (thrown instanceof EngineError && /already exists|is not running|marked for removal/i.test(thrown.message))
    )
      return;
    throw thrown;
  }
}

/** Takes the proxies out and removes the network, unless a session is in it. */
async function removeNetwork(client: EngineClient, id: string): Promise<void> {
  try {
    const { Containers: containers } = await client.json<{
      readonly Containers?: Readonly<Record<string, { readonly Name?: string }>>;
    }>({ path: `/networks/${id}` });
    const attached = await Promise.all(
      Object.entries(containers ?? {}).map(async ([listed, { Name: name = "" }]) => {
        // What an engine without space could not take out belongs to no container any more, and is known by that one's name.
        const isLeft = listed.startsWith("ep-");
        const container = isLeft ? name : listed;
        const labels = await labelsOf(client, container);
        // A proxy may have been removed in the middle.
        return [container, labels === undefined || (!isLeft && labels[dockerLabels.component] === "proxy")] as const;
      }),
    );
    if (attached.some(([, mayGo]) => !mayGo)) return;
    for (const [container] of attached) {
      await client.send({ method: "POST", path: `/networks/${id}/disconnect`, body: { Container: container, Force: true } });
    }
    await client.send({ method: "DELETE", path: `/networks/${id}` });
  } catch (thrown) {
    // Gone, or somebody came into it meanwhile.
    if (isEngineStatus(thrown, 404) || isEngineStatus(thrown, 403) || isEngineStatus(thrown, 409)) return;
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
