/** What a value of `-o json` looks like: enough to document it, and to check a real one. `T` is the value's type. */
export type Shape<T = unknown> = Node & {
  /** Never there: it carries the type. */
  readonly sample?: T;
  /** As a field: it may be missing. */
  readonly optional?: boolean;
};

type Node = { readonly does: string } & (
  | { readonly kind: "text" | "time" | "number" | "flag" | "any" }
  | { readonly kind: "choice"; readonly values: readonly string[] }
  | { readonly kind: "list"; readonly of: Shape }
  | { readonly kind: "map"; readonly of: Shape }
  | { readonly kind: "object"; readonly fields: Fields; readonly isOpen: boolean }
);

type Fields = Readonly<Record<string, Shape>>;

/** The type of the values of a shape. */
export type DataOf<S> = S extends { readonly sample?: infer T } ? Exclude<T, undefined> : never;

type OptionalNames<F> = { [K in keyof F]: F[K] extends { readonly optional: true } ? K : never }[keyof F];
type ObjectOf<F> = { readonly [K in Exclude<keyof F, OptionalNames<F>>]: DataOf<F[K]> } & {
  readonly [K in OptionalNames<F>]?: DataOf<F[K]>;
};

/** Any text. */
export const text = (does: string): Shape<string> => ({ kind: "text", does });
/** A moment in UTC, RFC 3339. */
export const time = (does: string): Shape<string> => ({ kind: "time", does });
/** A number; the words name the unit. */
export const number = (does: string): Shape<number> => ({ kind: "number", does });
/** True or false. */
export const flag = (does: string): Shape<boolean> => ({ kind: "flag", does });
/** Whatever somebody else defines; the words say who. */
export const any = (does: string): Shape<never> => ({ kind: "any", does });
/** One of these texts. */
export const choice = <const V extends readonly string[]>(values: V, does: string): Shape<V[number]> => ({ kind: "choice", values, does });
/** A list of equal things. */
export const list = <T>(of: Shape<T>, does: string): Shape<readonly T[]> => ({ kind: "list", of, does });
/** A list of texts. */
export const texts = (does: string): Shape<readonly string[]> => list(text(""), does);
/** An object whose names are data. */
export const map = <T>(of: Shape<T>, does: string): Shape<Readonly<Record<string, T>>> => ({ kind: "map", of, does });
/** An object with these fields and no others. */
export const object = <F extends Fields>(fields: F, does = ""): Shape<ObjectOf<F>> => ({ kind: "object", fields, isOpen: false, does });
/** An object with at least these fields. */
export const openObject = <F extends Fields>(fields: F, does = ""): Shape<ObjectOf<F>> => ({ kind: "object", fields, isOpen: true, does });
/** A field that may be missing. */
export const optional = <T>(shape: Shape<T>): Shape<T> & { readonly optional: true } => ({ ...shape, optional: true });

/** Everything in which a value that came out of JSON differs from the shape, a line each with its place. Empty: nothing. */
export function problemsOf(shape: Shape, value: unknown, place = "$"): readonly string[] {
  const wrong = (wanted: string): readonly string[] => [`${place}: ${JSON.stringify(value)?.slice(0, 60) ?? "nothing"} is not ${wanted}`];
  switch (shape.kind) {
    case "any":
      return [];
    case "text":
      return typeof value === "string" ? [] : wrong("a text");
    case "time":
      return typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value) ? [] : wrong("a time");
    case "number":
      return typeof value === "number" ? [] : wrong("a number");
    case "flag":
      return typeof value === "boolean" ? [] : wrong("true or false");
    case "choice":
      return typeof value === "string" && shape.values.includes(value) ? [] : wrong(`one of ${shape.values.join(", ")}`);
    case "list":
      return Array.isArray(value) ? value.flatMap((item, at) => problemsOf(shape.of, item, `${place}[${at}]`)) : wrong("a list");
    default:
      return isRecord(value) ? problemsOfFields(shape, value, place) : wrong("an object");
  }
}

function problemsOfFields(shape: Shape & { kind: "map" | "object" }, value: Record<string, unknown>, place: string): readonly string[] {
  if (shape.kind === "map") return Object.entries(value).flatMap(([name, item]) => problemsOf(shape.of, item, `${place}.${name}`));
  const { fields, isOpen } = shape;
  return [
    ...Object.entries(fields).flatMap(([name, field]) => {
      if (Object.hasOwn(value, name)) return problemsOf(field, value[name], `${place}.${name}`);
      return field.optional === true ? [] : [`${place}.${name}: missing`];
    }),
    ...Object.keys(value)
      .filter((name) => !isOpen && !Object.hasOwn(fields, name))
      .map((name) => `${place}.${name}: not in the documented shape`),
  ];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** One line of a shape's documentation. */
export interface ShapeRow {
  /** `proxies[].name`; `NAME` stands for a name that is data. Empty: the value itself. */
  readonly path: string;
  readonly kind: string;
  readonly does: string;
}

/** The shape as lines, outer things first. */
export function rowsOf(shape: Shape, path = ""): readonly ShapeRow[] {
  const own = { path, kind: kindWords(shape), does: shape.does };
  switch (shape.kind) {
    case "list":
      return [own, ...rowsOf(shape.of, `${path}[]`).filter((row) => row.path !== `${path}[]` || row.does !== "")];
    case "map":
      return [own, ...rowsOf(shape.of, `${path}.NAME`)];
    case "object":
      return [
        ...(path === "" || shape.does === "" ? [] : [own]),
        ...Object.entries(shape.fields).flatMap(([name, field]) => rowsOf(field, path === "" ? name : `${path}.${name}`)),
      ];
    default:
      return [own];
  }
}

function kindWords(shape: Shape): string {
  const maybe = shape.optional === true ? ", may be missing" : "";
  switch (shape.kind) {
    case "choice":
      return shape.values.map((value) => `\`${value}\``).join(", ") + maybe;
    case "flag":
      return `true or false${maybe}`;
    case "map":
      return `object by name${maybe}`;
    case "list":
      return `list${shape.of.kind === "object" ? " of objects" : shape.of.kind === "text" ? " of texts" : ""}${maybe}`;
    default:
      return shape.kind + maybe;
  }
}
