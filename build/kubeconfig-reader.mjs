// Bundles the kubeconfig reader of @kubernetes/client-node without what it drags in: its generated API alone takes longer to
// load than the rest of a command, and is never called here. What only some clusters need (an OpenID provider, a proxy on the way)
// is loaded when it is needed, from where client-node would find it.
import { copyFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const reader = "@kubernetes/client-node/dist/config.js";
const from = `import { createRequire } from "node:module";
const require = createRequire(import.meta.resolve("${reader}"));
`;

/** What the reader finds in the place of an import, by its name. */
const replacements = {
  "./gen/index.js": `
    export class ServerConfiguration { constructor() { throw new Error("client-node's API is not in this bundle"); } }
    export const createConfiguration = () => new ServerConfiguration();`,
  // A mere mention of Node's own Headers loads all of its fetch.
  "node-fetch": "export function Headers(...args) { return new globalThis.Headers(...args); }",
  "js-yaml": `${from} export default require("js-yaml");`,
  "jsonpath-plus": `${from} export const JSONPath = (...args) => require("jsonpath-plus").JSONPath(...args);`,
  "socks-proxy-agent": `${from} export function SocksProxyAgent(...args) { return new (require("socks-proxy-agent").SocksProxyAgent)(...args); }`,
  hpagent: `${from}
    export function HttpProxyAgent(...args) { return new (require("hpagent").HttpProxyAgent)(...args); }
    export function HttpsProxyAgent(...args) { return new (require("hpagent").HttpsProxyAgent)(...args); }`,
  "./oidc_auth.js": `
    export class OpenIDConnectAuth {
      isAuthProvider(user) { return user.authProvider?.name === "oidc"; }
      async applyAuthentication(user, options) {
        this.real ??= import("@kubernetes/client-node/dist/oidc_auth.js").then(({ OpenIDConnectAuth }) => new OpenIDConnectAuth());
        await (await this.real).applyAuthentication(user, options);
      }
    }`,
};

/** The plugin of esbuild for it. */
export const kubeconfigReader = {
  name: "kubeconfig-reader",
  setup({ onResolve, onLoad }) {
    const file = createRequire(import.meta.url).resolve(reader);
    const inside = dirname(file);
    onResolve({ filter: /^@kubernetes\/client-node\/dist\/config\.js$/ }, () => ({ path: file }));
    onResolve({ filter: /./ }, ({ path, importer }) => {
      if (dirname(importer) !== inside || path.startsWith("node:")) return undefined;
      if (Object.hasOwn(replacements, path)) return { path, namespace: "kubeconfig-reader" };
      if (path.startsWith("./")) return { path: join(inside, path) };
      // A newer client-node that imports something else wants a look at it.
      return { errors: [{ text: `client-node imports ${path}: say in build/kubeconfig-reader.mjs what is to be in its place` }] };
    });
    onLoad({ filter: /./, namespace: "kubeconfig-reader" }, ({ path }) => ({
      contents: replacements[path],
      loader: "js",
      resolveDir: inside,
    }));
  },
};

/** Its licence goes with it. */
export async function copyReaderLicence(outdir) {
  const file = createRequire(import.meta.url).resolve(reader);
  await copyFile(join(dirname(dirname(file)), "LICENSE"), join(outdir, "kubeconfig-reader.LICENSE.txt"));
}
