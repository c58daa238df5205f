// The package ships no types; this is the part that the gate uses.
declare module "ejs" {
  interface Options {
    readonly filename?: string;
    readonly strict?: boolean;
    readonly _with?: boolean;
    readonly compileDebug?: boolean;
    readonly localsName?: string;
    readonly destructuredLocals?: readonly string[];
    readonly escape?: (value: unknown) => string;
    readonly includer?: (path: string) => { readonly filename: string; readonly template: string };
  }
  const ejs: { compile(template: string, options: Options): (data: object) => string };
  // biome-ignore lint/style/noDefaultExport: it is what the package has
  export default ejs;
}
