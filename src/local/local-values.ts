import { homedir } from "node:os";
import path from "node:path";
import { timeZoneOf } from "../config/value-types.ts";

/** Stands for a registry where there is none: images of that name are never looked for anywhere else. */
const noRegistry = "localhost";

/** Listens on all addresses of the machine. */
export const everywhere = "0.0.0.0";

/** Whether a browser on this machine finds it by the name localhost, which is 127.0.0.1 alone and not all of 127.0.0.0/8. */
function isLocalhost(listen: string): boolean {
  return listen === "127.0.0.1" || listen === everywhere;
}

/** Whether a deployment's registry is none, because it was made for one machine. Pure. */
export function isNoRegistry(registry: string): boolean {
  return registry === noRegistry || registry.startsWith(`${noRegistry}/`);
}

/** The deployment directory that is made where none is named. */
export function defaultDirectory(env: Readonly<Record<string, string | undefined>>): string {
  return path.join(env["HOME"] ?? homedir(), "vdi-local");
}

/** What one machine needs in `deploy/vdi.env` of a directory of that name. */
export function localValues(name: string): ReadonlyMap<string, string> {
  const zone = timeZoneOf(Intl.DateTimeFormat().resolvedOptions().timeZone);
  return new Map([
    // Each directory has images of its own: another one's must not take their names.
    ["XPRA_REGISTRY_SRV", `${noRegistry}/${name}`],
    ["EXTERNALIPS", "127.0.0.1"],
    ["DOMNAME", "localhost"],
    ["XPRA_WORKERS", "all"],
    ...(zone === undefined ? [] : [["XPRA_LOCAL_TIME", zone] as const]),
  ]);
}

/**
 * What `--listen` and `--port` write into `deploy/vdi.env`: the next start has the same address. In a directory that is a cluster's
 * (`isOurs` is false) EXTERNALIPS are the cluster's addresses, and stay. Pure.
 */
export function addressValues(listen: string | undefined, port: number | undefined, isOurs: boolean): ReadonlyMap<string, string> {
  const isOne = isOurs && listen !== undefined && !isLocalhost(listen);
  return new Map([
    ...(listen === undefined ? [] : [["XPRA_LOCAL_LISTEN", listen] as const]),
    ...(port === undefined ? [] : [["XPRA_LOCAL_PORT", String(port)] as const]),
    // The certificate is for these.
    ...(isOne ? [["EXTERNALIPS", `127.0.0.1 ${listen}`] as const] : []),
  ]);
}

/** Where a browser on this machine, or for a single address one elsewhere, finds the page. Pure. */
export function pageAddress({ listen, port }: { readonly listen: string; readonly port: number }): string {
  const host = isLocalhost(listen) ? "localhost" : listen;
  return `https://${host}${port === 443 ? "" : `:${port}`}/`;
}
