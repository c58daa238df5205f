/** A reference to an image, taken apart. */
export interface ImageReference {
  /** `registry.example:5000`; Docker's own registry is `docker.io`. */
  readonly registry: string;
  /** The path in the registry: `group/vdi-base`. */
  readonly repository: string;
  readonly tag: string | undefined;
  /** `sha256:…` */
  readonly digest: string | undefined;
}

/** Takes a reference apart as Docker does: a first part with a dot, a colon or the name `localhost` is a registry. */
export function parseImageReference(reference: string): ImageReference {
  const [withoutDigest = "", digest] = reference.split("@", 2);
  const tagAt = withoutDigest.lastIndexOf(":");
  const hasTag = tagAt > withoutDigest.lastIndexOf("/");
  const name = hasTag ? withoutDigest.slice(0, tagAt) : withoutDigest;
  const tag = hasTag ? withoutDigest.slice(tagAt + 1) : undefined;
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  if (first === "localhost" || /[.:]/.test(first)) return { registry: first, repository: name.slice(slash + 1), tag, digest };
  return { registry: "docker.io", repository: slash < 0 ? `library/${name}` : name, tag, digest };
}

/**
 * The name in `images/` that a reference means, or undefined when it is an image from elsewhere: those of the deployment's own
 * registry are ours, unless they carry a tag other than `latest` or a digest (a site may keep its Debian in the same registry).
 */
export function localImageName(reference: string, registry: string): string | undefined {
  if (!reference.startsWith(`${registry}/`) || reference.includes("@")) return undefined;
  const [name = "", tag = "latest"] = reference.slice(registry.length + 1).split(":", 2);
  return name.includes("/") || tag !== "latest" ? undefined : name;
}
