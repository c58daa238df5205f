import { networkInterfaces } from "node:os";
import { type DockerSessionSettings, homeMount, sessionContainerBody } from "../engine/docker-container.ts";
import { dockerLabels, identityVolumeName, newParts, ourLabels, partsOf, sessionObject } from "../engine/docker-names.ts";
import { type EngineClient, EngineError, engineClient, filtersOf, isEngineStatus } from "../engine/engine-client.ts";
import { SessionRefusal } from "../session/refusal.ts";
import type { SessionRequest } from "../session/session-runtime.ts";
import { pause } from "../util/pause.ts";
import { containerEnds } from "./docker-end.ts";
import { watchEngine } from "./docker-events.ts";
import { identityFiles, modeArchive } from "./docker-files.ts";
import { openContainerLog } from "./docker-log.ts";
import { sessionNetworks } from "./docker-network.ts";
import { dockerRefusal } from "./docker-refusal.ts";
import {
  abandonedAfterMs,
  type ContainerFacts,
  containerFacts,
  containerView,
  type InspectedContainer,
  isEnding,
  type Outage,
  outageOf,
} from "./docker-state.ts";
import type { KeepTimes } from "./removals.ts";
import type { RunningRuntime } from "./running-runtime.ts";
import { inTime, sessionMemory } from "./session-memory.ts";
import { tcpConnect } from "./tcp-connect.ts";

/** What the runtime works with. */
export interface DockerRuntimeOptions {
  /** The engine; made from the settings when it is left out. */
  readonly client?: EngineClient;
  /** Asked for each new session, so that a changed configuration holds for the next one. */
  readonly settings: () => DockerSessionSettings;
  /** How long containers without a running session stay; any broker removes them then. Undefined: this one removes none. */
  readonly keep?: () => KeepTimes;
  readonly signal: AbortSignal;
  /** Told of what went wrong and is tried again. */
  onTrouble?(what: string, error: unknown): void;
  /** Told of every request that begins or ends a session. */
  onWrite?(verb: "create" | "delete", name: string): void;
}

const tries = 3;
const pauseMs = 300;
/** Making a container takes a busy engine so long at most; nothing tells that it was given up. */
const nameTimeoutMs = 5_000;
const nameLookMs = 50;
/** What is listed is looked at in so many requests at a time. */
const lookAtOnce = 16;
/** What removed containers leave behind is looked for so much later, once for all of them. */
const sweepAfterMs = 10_000;
const watchedEvents = ["create", "start", "die", "destroy", "rename", "pause", "unpause"];

/**
 * Sessions as containers of one engine. Labels and names are the only state: events say which container to look at again, and
 * every step of a start or an end can be done again by any other broker. The name of the container is the mutex.
 */
export function dockerRuntime(options: DockerRuntimeOptions): RunningRuntime {
  const { settings, signal } = options;
  const { namespace, docker } = settings();
  const client = options.client ?? engineClient(docker.socket);
  const networks = sessionNetworks(client, namespace, () => settings().docker.network);
  const identities = identityFiles(() => settings().docker.identityDirectory);
  const ends = containerEnds({
    client,
    namespace,
    settings,
    signal,
    clear,
    ...(options.onTrouble === undefined ? {} : { onTrouble: options.onTrouble }),
  });
  const memory = sessionMemory<ContainerFacts>(
    {
      view: containerView,
      openLog: ({ instance }) => openContainerLog(client, instance),
      remove,
      keep: options.keep,
      signal,
      onTrouble: options.onTrouble,
    },
    async ({ host, port }) => {
      await Promise.all(admissions.values());
      // A broker without a network of its own cannot try; the proxies do so before they hand anybody over.
      return hasNetwork() ? tcpConnect(host, port) : "open";
    },
  );
  /** Containers of the deployment that always run, with the time that they did not. */
  const outages = new Map<string, Outage>();
  /** Those that run. */
  const proxies = new Set<string>();
  /** Those that do not. */
  const stoppedProxies = new Set<string>();
  /** By proxy: being put into the sessions' networks. */
  const admissions = new Map<string, Promise<void>>();
  let sweepTimer: NodeJS.Timeout | undefined;

  const trouble = (what: string) => (error: unknown) => {
    if (!signal.aborted) options.onTrouble?.(what, error);
  };

  function note(container: InspectedContainer): void {
    const labels = container.Config.Labels ?? {};
    if (labels[dockerLabels.deployment] !== namespace) return;
    const component = labels[dockerLabels.component];
    if (component === "session") noteSession(container);
    if (component !== "proxy" && component !== "broker") return;
    const outage = outageOf(container);
    if (outage !== undefined) outages.set(container.Id, outage);
    if (component === "proxy") noteProxy(container);
  }

  function noteSession(container: InspectedContainer): void {
    const { gracePeriodSeconds } = settings();
    const isGoing = isEnding(container);
    const endingSince = isGoing ? ends.since(container.Id) : 0;
    const facts = containerFacts(container, { endingSince, gracePeriodSeconds, outages: [...outages.values()] });
    if (isGoing) ends.watch({ id: facts.instance, parts: facts.parts, isRunning: container.State.Running });
    const known = memory.get(facts.name);
    // One that ends may be there beside the next one.
    if (known === undefined || known.instance === facts.instance || known.createdAt <= facts.createdAt) memory.put(facts);
  }

  function noteProxy({ Id: id, State: state, NetworkSettings: settingsOf }: InspectedContainer): void {
    // The engine says of one that it is about to start again that it runs.
    if (!state.Running || state.Status === "restarting") {
      proxies.delete(id);
      stoppedProxies.add(id);
      return;
    }
    if (stoppedProxies.delete(id)) sweepSoon();
    if (proxies.has(id)) return;
    proxies.add(id);
    const joined = new Set(Object.values(settingsOf?.Networks ?? {}).flatMap((network) => network?.NetworkID ?? []));
    const admission = networks
      .admit(id, joined)
      .catch(trouble(`networks of proxy ${id.slice(0, 12)}`))
      .finally(() => admissions.delete(id));
    admissions.set(id, admission);
  }

  function gone(id: string): void {
    outages.delete(id);
    proxies.delete(id);
    stoppedProxies.delete(id);
    ends.forget(id);
    for (const { name, instance } of [...memory.all()]) if (instance === id) memory.forget(name);
    sweepSoon();
  }

  function sweepSoon(): void {
    if (sweepTimer === undefined && !signal.aborted) sweepTimer = setTimeout(() => void sweep().catch(trouble("sweep")), sweepAfterMs);
  }

  /** What a container has left that somebody removed by hand, whose broker died, or whose network had to stay for a proxy. */
  async function sweep(): Promise<void> {
    sweepTimer = undefined;
    // In this order: a container is made before its network, so that a network which is listed here without one had one.
    const left = [...(await identities.list()), ...(await networks.list())];
    const alive = new Set((await list("session")).map(({ Labels: labels }) => partsOf(labels)));
    for (const parts of left) if (!alive.has(parts)) await clear(parts).catch(trouble("sweep"));
  }

  async function clear(parts: string): Promise<void> {
    // An engine does not start a container again one of whose networks is gone.
    if (stoppedProxies.size === 0) await networks.drop(parts);
    await identities.remove(parts);
  }

  interface Inspection {
    readonly running: Promise<void>;
    next: Promise<void> | undefined;
  }
  const inspections = new Map<string, Inspection>();

  /** Looks at a container again. One look at a time, and one more for all that was asked meanwhile: an older answer never comes last. */
  function refresh(id: string): Promise<void> {
    const current = inspections.get(id);
    if (current === undefined) {
      const running = inspect(id).finally(() => {
        if (inspections.get(id)?.next === undefined) inspections.delete(id);
      });
      inspections.set(id, { running, next: undefined });
      return running;
    }
    current.next ??= current.running
      .catch(() => undefined)
      .then(() => {
        inspections.delete(id);
        return refresh(id);
      });
    return current.next;
  }

  async function inspect(id: string): Promise<void> {
    try {
      note(await client.json<InspectedContainer>({ path: `/containers/${id}/json` }));
    } catch (thrown) {
      if (!isEngineStatus(thrown, 404)) throw thrown;
      gone(id);
    }
  }

  interface Listed {
    readonly Id: string;
    readonly Labels: Readonly<Record<string, string>>;
  }

  function list(component?: "session"): Promise<readonly Listed[]> {
    const filters = filtersOf({ label: ourLabels(namespace, component) });
    return client.json({ path: "/containers/json", query: { all: true, filters } });
  }

  async function lookAtAll(): Promise<void> {
    proxies.clear();
    stoppedProxies.clear();
    const all = await list();
    const isSession = ({ Labels: labels }: Listed): boolean => labels[dockerLabels.component] === "session";
    // Sessions last: why they ended may have to do with the others.
    for (const part of [all.filter((each) => !isSession(each)), all.filter(isSession)]) {
      for (let at = 0; at < part.length; at += lookAtOnce) {
        await Promise.all(part.slice(at, at + lookAtOnce).map(({ Id: id }) => refresh(id)));
      }
    }
    const ids = new Set(all.map(({ Id: id }) => id));
    // What has come since the list is known to the engine all the same: only it can say what is gone.
    for (const { instance } of [...memory.all()]) if (!ids.has(instance)) await refresh(instance);
    void sweep().catch(trouble("sweep"));
  }

  const events = watchEngine({
    client,
    filters: { type: ["container"], label: ourLabels(namespace), event: watchedEvents },
    signal,
    onOpen: lookAtAll,
    onEvent: ({ Action: action, Actor: { ID: id } }) => {
      if (action === "destroy") gone(id);
      // Then as well: a look that is under way may still have seen it, and one more comes after that.
      void refresh(id).catch(trouble(`look at container ${id.slice(0, 12)}`));
    },
    onTrouble: (error, retryInMs) => options.onTrouble?.(`events, next try in ${Math.round(retryInMs)} ms`, error),
  });

  async function create(request: SessionRequest): Promise<"created" | "exists"> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        options.onWrite?.("create", request.name);
        return await createOnce(request);
      } catch (thrown) {
        // Whether it was made is not known after a broken connection; the next try finds out.
        const mayBeAgain = thrown instanceof EngineError && (thrown.status === 0 || isSomethingGone(thrown));
        if (!mayBeAgain || attempt >= tries) throw dockerRefusal(thrown, request.secret);
        await pause(pauseMs * attempt, signal);
      }
    }
  }

  async function createOnce(request: SessionRequest): Promise<"created" | "exists"> {
    const parts = newParts(request.name);
    let id: string;
    try {
      await identities.write(parts, request.user);
      const made = await client.json<{ Id: string }>({
        method: "POST",
        path: "/containers/create",
        query: { name: sessionObject(namespace, request.name) },
        body: sessionContainerBody(settings(), request, parts, await identityMountpoint()),
      });
      id = made.Id;
    } catch (thrown) {
      // Whether it was made is not known after a broken connection; the next sweep finds out.
      if (!isEngineStatus(thrown, 0)) await identities.remove(parts);
      if (!isEngineStatus(thrown, 409)) throw thrown;
      return adopt(request);
    }
    await complete(id, parts, request);
    return "created";
  }

  /** Somebody else has made it; if that was a broker which died over it, its work is finished here. */
  async function adopt(request: SessionRequest): Promise<"exists"> {
    const container = await named(sessionObject(namespace, request.name));
    if (container === undefined) return "exists";
    const labels = container.Config.Labels ?? {};
    if (labels[dockerLabels.deployment] !== namespace || labels[dockerLabels.session] !== request.name) {
      throw new SessionRefusal("foreign", { detail: `container ${container.Id.slice(0, 12)} has not the labels of this deployment` });
    }
    await refresh(container.Id);
    const facts = memory.get(request.name);
    if (facts?.instance !== container.Id || facts.status !== "created" || facts.owner.uid !== request.user.uid) return "exists";
    // Ours, when the engine's answer to the first try was lost.
    const isOurs = facts.secret === request.secret;
    if (isOurs || Date.now() - facts.createdAt > abandonedAfterMs) await complete(container.Id, facts.parts, request);
    return "exists";
  }

  /** The container of a name that is taken: the engine gives the name away a moment before there is a container. */
  async function named(name: string): Promise<InspectedContainer | undefined> {
    for (const deadline = performance.now() + nameTimeoutMs; ; await pause(nameLookMs, signal)) {
      try {
        return await client.json<InspectedContainer>({ path: `/containers/${name}/json` });
      } catch (thrown) {
        if (!isEngineStatus(thrown, 404)) throw thrown;
        // It has not come to be, or is gone again.
        if (performance.now() > deadline || signal.aborted) return undefined;
      }
    }
  }

  /** From a container that is made to one that runs. Every step may have been done already. */
  async function complete(id: string, parts: string, request: SessionRequest): Promise<void> {
    try {
      await Promise.all([
        networks.ensure(parts, proxies),
        // The session itself makes the home in it, with what belongs there.
        client.send({ method: "PUT", path: `/containers/${id}/archive`, query: { path: homeMount(request) }, body: modeArchive(0o1777) }),
      ]);
      await client.send({ method: "POST", path: `/containers/${id}/start` });
    } catch (thrown) {
      if (isEngineStatus(thrown, 0)) throw thrown;
      // What cannot start would be in the way of the next try.
      await client
        .send({ method: "DELETE", path: `/containers/${id}`, query: { v: true, force: true } })
        .then(() => clear(parts))
        .catch(trouble("removal"));
      gone(id);
      throw thrown;
    }
    await refresh(id);
  }

  async function identityMountpoint(): Promise<string> {
    const volume = await client.json<{ Mountpoint: string }>({ path: `/volumes/${identityVolumeName(namespace)}` });
    return volume.Mountpoint;
  }

  async function remove(name: string, instance: string): Promise<void> {
    options.onWrite?.("delete", name);
    const facts = memory.get(name);
    if (!(await ends.record(instance, name))) {
      gone(instance);
      return;
    }
    if (facts?.instance !== instance) return;
    // The next one may be known by now.
    if (memory.get(name)?.instance === instance) memory.mark(name, { removed: true });
    ends.finish({ id: instance, parts: facts.parts, isRunning: facts.runningSince > 0 });
  }

  signal.addEventListener("abort", () => {
    clearTimeout(sweepTimer);
    client.close();
  });

  return {
    look: memory.look,
    onChange: memory.onChange,
    connect: memory.connect,
    count: memory.count,
    done: events.done,
    create,
    remove,
    known: (timeoutMs) => inTime(events.listed, timeoutMs),
  };
}

/**
 * Somebody removed a network or a file by hand between two steps: `docker network prune` takes what no container uses yet. Or the broker
 * whose container is finished here has given it up. Of a mount whose source is gone the engine says, when it unpacks into a container,
 * only that it does not find the place.
 */
function isSomethingGone({ message }: EngineError): boolean {
  return /network .*not found|bind source path does not exist|could not find the file|mount.*no such file or directory|no such container/i.test(
    message,
  );
}

function hasNetwork(): boolean {
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ internal }) => !internal));
}
