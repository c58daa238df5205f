import * as types from "./value-types.ts";
import type { Variable } from "./variable.ts";

/** The variables of a deployment on one machine. */
export const localVariables: readonly Variable[] = [
  {
    name: "XPRA_LOCAL_LISTEN",
    section: "local",
    type: types.ipv4Address,
    default: "127.0.0.1",
    usedBy: ["vdi local"],
    meaning:
      "Address of this machine on which `vdi local` answers. `127.0.0.1`: for this machine only; `0.0.0.0`: on all its addresses, of which `EXTERNALIPS` then names those that the certificate is for.",
  },
  {
    name: "XPRA_LOCAL_PORT",
    section: "local",
    type: types.integer(1, 65_535),
    default: "8443",
    usedBy: ["vdi local"],
    meaning: "Port on which `vdi local` answers.",
  },
  {
    name: "XPRA_LOCAL_NETWORK",
    section: "local",
    type: types.roomyNetwork,
    default: "10.213.0.0/16",
    usedBy: ["vdi local"],
    meaning: "Network out of which `vdi local` gives each session a small one of its own; no other network of this machine may overlap it.",
  },
];
