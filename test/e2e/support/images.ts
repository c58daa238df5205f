const registry = process.env["VDI_E2E_REGISTRY"] ?? "127.0.0.1:5000";

/** The proxy's image under test: the demo's, which the set-up has built; VDI_PROXY_IMAGE names another. */
export const proxyImage = process.env["VDI_PROXY_IMAGE"] ?? `${registry}/vdi-proxy`;

/** The session's image under test, with a desktop; VDI_SESSION_IMAGE names another. */
export const sessionImage = process.env["VDI_SESSION_IMAGE"] ?? `${registry}/vdi-xfce4`;
