import type { Config } from "../config/config.ts";
import type { SessionsConfig } from "../session/sessions-config.ts";

/** An image that a deploy would replace. */
export interface ImageSkew {
  /** `proxies`, `default` for most sessions, or the session type by its variable: `DESKTOP_OFFICE`. */
  readonly of: string;
  /** Reference on the cluster; empty: none. */
  readonly deployed: string;
  /** What a deploy would use now; empty: none any more. */
  readonly newest: string;
}

/** Where the images of a deployment are not those that a deploy would use now. Pure. */
export function imageSkew(
  config: Pick<Config, "images">,
  pinned: ReadonlyMap<string, string>,
  deployed: { readonly proxy: string | undefined; readonly sessions: SessionsConfig["images"] | undefined },
): readonly ImageSkew[] {
  const now = (reference: string): string => pinned.get(reference) ?? reference;
  const pairs: (readonly [string, string, string])[] = [];
  if (deployed.proxy !== undefined) pairs.push(["proxies", deployed.proxy, now(config.images.proxy)]);
  if (deployed.sessions !== undefined) {
    const wanted: Readonly<Record<string, string>> = {
      default: now(config.images.default),
      ...Object.fromEntries([...config.images.byVariable].map(([variable, image]) => [variable, now(image)])),
    };
    for (const type of Object.keys({ ...wanted, ...deployed.sessions }).sort()) {
      pairs.push([type, deployed.sessions[type] ?? "", wanted[type] ?? ""]);
    }
  }
  return pairs.filter(([, has, wants]) => has !== wants).map(([of, has, wants]) => ({ of, deployed: has, newest: wants }));
}

/** Those of which a registry tells: where none does, the tag alone says nothing of what is newest. Pure. */
export function toldSkew(skew: readonly ImageSkew[]): readonly ImageSkew[] {
  return skew.filter(({ newest, deployed }) => newest === "" || deployed === "" || newest.includes("@"));
}

/** An image as people tell it from another: its name and the first digits of its digest. */
export function shortImage(reference: string): string {
  return reference.replace(/@sha256:([0-9a-f]{12})[0-9a-f]*$/, "@$1");
}
