import { readFileSync, statSync } from "node:fs";
import { type BrokerConfig, parseBrokerConfig } from "../broker-config/broker-config.ts";
import { SessionRefusal } from "../session/refusal.ts";
import { VdiError } from "../util/vdi-error.ts";

/** How long what was read last holds before the file is looked at again. */
export const lookEveryMs = 2_000;

/**
 * The broker's configuration, read again when its file has changed: a mounted ConfigMap is updated in place, and proxies need
 * not be restarted for it. While a new one cannot be read the old one holds. Throws a `SessionRefusal` (5) when there is none at the start.
 */
export function configSource(path: string, onTrouble: (what: string, error: unknown) => void): () => BrokerConfig {
  let mark = markOf(path);
  let config = read(path);
  let lookedAt = performance.now();
  return () => {
    if (performance.now() - lookedAt < lookEveryMs) return config;
    lookedAt = performance.now();
    const now = markOf(path);
    if (now === mark) return config;
    mark = now;
    try {
      config = { ...read(path), namespace: config.namespace };
    } catch (thrown) {
      onTrouble("configuration", thrown);
    }
    return config;
  };
}

function markOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
}

function read(path: string): BrokerConfig {
  try {
    return parseBrokerConfig(readFileSync(path, "utf8"), path);
  } catch (thrown) {
    throw new SessionRefusal("no-configuration", { detail: thrown instanceof VdiError ? thrown.message : String(thrown) });
  }
}
