import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { distribution } from "../support/run-vdi.ts";

/** Writes a deployment directory with these variables beside those that every deployment needs. */
export function makeDeploymentDirectory(directory: string, settings: Readonly<Record<string, string>> = {}): void {
  mkdirSync(join(directory, "deploy"), { recursive: true });
  cpSync(join(distribution, "to_container"), join(directory, "to_container"), { recursive: true });
  writeSettings(directory, settings);
}

/** Writes the variables of a deployment directory anew. */
export function writeSettings(directory: string, settings: Readonly<Record<string, string>>): void {
  const all = {
    // Nobody listens there, so that the registry cannot be asked.
    XPRA_REGISTRY_SRV: "127.0.0.1:9",
    EXTERNALIPS: "192.0.2.10",
    DOMNAME: "example.test",
    XPRA_WORKERS: "node1",
    ...settings,
  };
  writeFileSync(
    join(directory, "deploy/vdi.env"),
    Object.entries(all)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(""),
  );
}
