import { type AddressInfo, createServer, type Server } from "node:net";
import { type KubernetesBrokerConfig, parseBrokerConfig } from "../../../src/broker-config/broker-config.ts";
import type { SessionUser } from "../../../src/session/user.ts";

/** A broker's configuration whose sessions listen on this port. */
export function brokerConfigJson(port: number): Record<string, unknown> {
  return {
    version: 1,
    namespace: "vdi-test",
    deployName: "xpra-proxy",
    port,
    images: { default: "registry/vdi-xfce4@sha256:0" },
    keepEndedSeconds: 600,
    sessionTypes: [
      { scope: "default", type: "desktop", script: "default/xpra_startup_desktop.sh", title: "Desktop", description: "Xfce" },
      { scope: "default", type: "seamless", script: "default/xpra_startup_seamless.sh", title: "Seamless", description: "" },
      { scope: "staff", type: "office", script: "staff/xpra_startup_office.sh", title: "Office", description: "" },
    ],
  };
}

export function brokerConfig(port: number): KubernetesBrokerConfig {
  const config = parseBrokerConfig(JSON.stringify(brokerConfigJson(port)), "test");
  if (config.kubernetes === undefined) throw new Error("not a cluster's configuration");
  return config;
}

export function user(name: string, uid = 20001): SessionUser {
  return { name, uid, gid: uid, home: `/home/${name}`, shell: "/bin/bash", gecos: "", groups: [{ name, gid: uid }] };
}

/** Something that accepts connections, as Xpra in a pod does. */
export async function listener(): Promise<{ port: number; server: Server; close: () => Promise<void> }> {
  const server = createServer((socket) => socket.on("error", () => undefined).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  return { port: (server.address() as AddressInfo).port, server, close };
}
