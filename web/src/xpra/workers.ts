import { XpraDecodeWebWorker, XpraPacketWebWorker } from "xpra-html5-client";

/** The two jobs that are done off the page's main thread. */
export interface Workers {
  /** Takes packets apart and puts them together. */
  readonly packets: Worker;
  /** Decodes the pictures of windows. */
  readonly pictures: Worker;
}

/** A browser's gate for addresses of code; without it (older browsers) an address is just a text. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(address: string): string }): { createScriptURL(address: string): URL };
}

const own = import.meta.url;
const gate = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
const isPage = typeof document !== "undefined";

/** The only address of code that this page ever makes: its own file's. The door's policy allows one gate of this name. */
const policy = isPage ? gate?.createPolicy("vdi", { createScriptURL: (address) => (address === own ? address : "") }) : undefined;

let spare: Workers | undefined;

/** Starts a pair of workers before it is wanted: loading the library takes them longer than all the rest of coming to a desktop. */
export function prepareWorkers(): void {
  if (spare !== undefined) return;
  const workers = freshWorkers();
  spare = workers;
  whenNotLoaded(workers, () => {
    if (spare !== workers) return;
    spare = undefined;
    stopWorkers(workers);
  });
}

/** Calls back when a worker's file cannot be fetched: it says nothing of that to whoever waits for its answers. */
export function whenNotLoaded(workers: Workers, listener: () => void): void {
  for (const worker of [workers.packets, workers.pictures]) {
    // What it throws while it works is an event of another kind, and no reason to give it up.
    worker.addEventListener("error", (event) => {
      if (!(event instanceof ErrorEvent)) listener();
    });
  }
}

export function stopWorkers(workers: Workers): void {
  workers.packets.terminate();
  workers.pictures.terminate();
}

/** A pair of workers for one connection; the prepared one when there is one. */
export function startWorkers(): Workers {
  const workers = spare ?? freshWorkers();
  spare = undefined;
  return workers;
}

/**
 * Starts the workers from the very file that this module is bundled into: the browser fetches the
 * client library once, and no address has to be made up at run time, which a strict
 * Content-Security-Policy would refuse.
 */
function freshWorkers(): Workers {
  const address = policy?.createScriptURL(own) ?? own;
  return {
    packets: new Worker(address, { type: "module", name: "packets" }),
    pictures: new Worker(address, { type: "module", name: "pictures" }),
  };
}

/** Does a worker's job when this file runs as one; on the page it does nothing. */
export function workIfWorker(): void {
  if (isPage) return;
  if (self.name === "packets") {
    // The library's encoder writes to the first two without declaring them, which a module does not
    // allow, and calls the third, which does not exist, for a missing value.
    Object.assign(self, { key: undefined, value: undefined, rencode_none: () => Uint8Array.of(69) });
    new XpraPacketWebWorker();
  }
  if (self.name === "pictures") new XpraDecodeWebWorker();
}
