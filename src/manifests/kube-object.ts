/** What every object of the cluster has; the rest is up to its kind. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** The part of an object's metadata that is written here. */
export interface ObjectMeta {
  readonly name: string;
  /** Absent: the object belongs to the whole cluster. */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Type and place of an object, without its content. */
export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** The reference to an object. */
export function refOf(object: KubeObject): ObjectRef {
  const { name, namespace } = object.metadata;
  return { apiVersion: object.apiVersion, kind: object.kind, ...(namespace === undefined ? {} : { namespace }), name };
}

/** A reference in words, as kubectl writes it: `secret/xpra-proxy-users`. */
export function refText(ref: ObjectRef): string {
  return `${ref.kind.toLowerCase()}/${ref.name}`;
}

/** The same for the same object and different for different ones. The version of the API is left out: it is only a view of the object. */
export function refKey(ref: ObjectRef): string {
  const group = ref.apiVersion.includes("/") ? ref.apiVersion.slice(0, ref.apiVersion.indexOf("/")) : "";
  return [group, ref.kind, ref.namespace ?? "", ref.name].join("/");
}
