import { XpraClient } from "xpra-html5-client";
import type { Loss, Manner } from "../model.ts";
import { corrections } from "./capabilities.ts";
import { answerChallenge } from "./challenge.ts";
import { Liveness } from "./liveness.ts";
import { lossFromWords } from "./loss.ts";
import { startWorkers, stopWorkers, whenNotLoaded } from "./workers.ts";

/** A packet to the server: its name and what goes with it. */
export type Packet = readonly [string, ...unknown[]];

/** A handler for a packet from the server. */
export type PacketHandler = (...args: unknown[]) => void;

/**
 * The parts of the library that it keeps private and that this page must reach, because the
 * library stopped in 2022 and servers went on. All knowledge of its inside is here.
 */
interface Inside {
  processorBindings: Record<string, PacketHandler>;
  createCapabilities(append?: Record<string, unknown>): void;
  capabilities: Record<string, unknown>;
  send(packet: Packet): void;
  sendHello(): void;
  sendPing(): void;
  ws: { on(event: "message", listener: () => void): void };
}

/** So long the door may look for a session, before it says why that takes so long; a running one is found at once. */
const helloMs = 45_000;
const helloAgainMs = 20_000;

/** How many connections in a row found no workers. */
let timesNotLoaded = 0;

/** What a connection needs to know. */
export interface ConnectionOptions {
  readonly user: string;
  readonly secret: string;
  readonly display: string;
  readonly clientId: string;
  readonly layout: string;
  readonly manner: Manner;
  readonly isComingBack: boolean;
  readonly onQuiet: (isQuiet: boolean) => void;
  readonly onLost: (loss: Loss) => void;
}

/** A connection to an Xpra server: the library's client, with its gaps closed. */
export interface Connection {
  readonly client: XpraClient;
  send(packet: Packet): void;
  handle(name: string, handler: PacketHandler): void;
  open(): void;
  close(): void;
}

function inside(client: XpraClient): Inside {
  return client as unknown as Inside;
}

/** Prepares a connection; `open` starts it. */
export async function createConnection(options: ConnectionOptions): Promise<Connection> {
  const workers = startWorkers();
  const client = new XpraClient({ worker: workers.packets, decoder: workers.pictures });
  const lib = inside(client);
  const isEncrypted = location.protocol === "https:";
  let isClosed = false;
  let helloTimer = 0;

  const createCapabilities = lib.createCapabilities.bind(client);
  lib.createCapabilities = (append = {}) => {
    createCapabilities(append);
    delete lib.capabilities["start-new-session"];
    Object.assign(lib.capabilities, corrections(options, lib.capabilities));
  };

  function close(): boolean {
    if (isClosed) return false;
    isClosed = true;
    clearTimeout(helloTimer);
    liveness.stop();
    window.removeEventListener("online", doubt);
    document.removeEventListener("visibilitychange", doubt);
    client.disconnect();
    stopWorkers(workers);
    return true;
  }

  function finish(loss: Loss): void {
    if (close()) options.onLost(loss);
  }

  const liveness = new Liveness({
    ping: () => lib.sendPing(),
    onQuiet: options.onQuiet,
    onDead: () => finish({ kind: "lost", words: "The desktop does not answer any more." }),
  });

  function doubt(): void {
    if (document.visibilityState === "visible") liveness.probe();
  }

  lib.processorBindings.challenge = (salt, _cipher, digest, saltDigest) => {
    answerChallenge(salt as string | Uint8Array, String(digest), String(saltDigest || "xor"), options.secret, isEncrypted).then(
      (answer) => {
        if (isClosed) return;
        lib.createCapabilities({ ...answer });
        lib.sendHello();
      },
      (error: unknown) => finish({ kind: "refused", words: error instanceof Error ? error.message : String(error) }),
    );
  };
  lib.processorBindings.disconnect = (...words) => {
    finish(lossFromWords(words.filter((word) => typeof word === "string" && word !== "").join(", ")));
  };

  whenNotLoaded(workers, () => {
    if (isClosed) return;
    timesNotLoaded += 1;
    // Once may be the network. After an update of the service the file of this page is gone for good.
    finish({ kind: timesNotLoaded > 1 ? "page" : "lost", words: "A part of this page could not be fetched." });
  });
  await client.init();
  // It would set the keyboard to the browser's language again with every key.
  client.keyboard.removeAllListeners("layoutChanged");
  client.on("error", (words) => finish(lossFromWords(words)));
  // After whatever else has come at the same moment: the library also says so of workers that it cannot have, and knows no more.
  client.on("disconnect", () => setTimeout(() => finish({ kind: "lost", words: "The connection was cut." })));
  client.on("hello", () => {
    clearTimeout(helloTimer);
    timesNotLoaded = 0;
    if (!isClosed) liveness.start();
  });
  lib.ws.on("message", () => liveness.heard());
  window.addEventListener("online", doubt);
  document.addEventListener("visibilitychange", doubt);

  return {
    client,
    send: (packet) => {
      if (!isClosed) lib.send(packet);
    },
    handle: (name, handler) => {
      lib.processorBindings[name] = handler;
    },
    open: () => {
      // A browser waits for minutes for a server that does not answer.
      const limitMs = options.isComingBack ? helloAgainMs : helloMs;
      helloTimer = window.setTimeout(() => finish({ kind: "lost", words: "The desktop does not answer." }), limitMs);
      client.connect(`${isEncrypted ? "wss" : "ws"}://${location.host}/`, {
        username: options.user,
        display: options.display,
        // The challenge is answered above; the library must not ask for a password by itself.
        password: "",
        ssl: isEncrypted,
        encoder: "rencodeplus",
        keyboardLayout: options.layout,
        reconnect: false,
        connectionTimeout: 60_000,
        video: false,
        audio: false,
        fileTransfer: false,
        printing: false,
        tray: false,
        showStartMenu: false,
        debugPackets: [],
      });
    },
    close: () => {
      close();
    },
  };
}
