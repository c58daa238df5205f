import { join } from "node:path";
import { readConfigText } from "../../../src/config/read-config.ts";
import { localValues } from "../../../src/local/local-values.ts";
import type { LocalParts } from "../../../src/local/plan.ts";

/** The parts of a small deployment on one machine, with other lines in its `vdi.env`. */
export function partsWith(lines = "", over: Partial<LocalParts> = {}): LocalParts {
  const base = [...localValues("vdi-local")].map(([name, value]) => `${name}=${value}\n`).join("");
  const { config, diagnostics } = readConfigText({ dir: "/home/ann/vdi-local", env: {} }, `${base}${lines}\n`);
  if (config === undefined) throw new Error(JSON.stringify(diagnostics));
  return {
    config,
    files: {
      sessionTypes: [
        { path: "default/xpra_startup_desktop.sh", content: Buffer.from("#!/bin/bash\n# title: Desktop\n"), executable: true },
      ],
      etc: [{ path: "xpra-vars.sh", content: Buffer.from("export A='b'\n"), executable: false }],
      bin: [],
    },
    users: { passwd: "ann:x:20001:20001::/home/ann:/bin/bash\n", shadow: "ann:HASH-77:1::::::\n", group: "ann:x:20001:\n" },
    certificate: "CERTIFICATE",
    certificateKey: "PRIV-8f3",
    ticketKey: "TCK-41a",
    directoryName: "vdi-local",
    version: "0.1.0",
    templates: join(import.meta.dirname, "../../../templates"),
    imageIds: new Map([["localhost/vdi-local/vdi-proxy", "sha256:1"]]),
    engineSocket: "/var/run/docker.sock",
    processors: 4,
    owner: {},
    ...over,
  };
}
