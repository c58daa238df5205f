import * as types from "./value-types.ts";
import { of, type Variable } from "./variable.ts";

function old(name: string, dropped: string, type: types.ValueType = types.text): Variable {
  return { name, section: "old", type, default: "", meaning: "", usedBy: [], dropped };
}

/** The variables of users, and those of older scripts. */
export const userVariables: readonly Variable[] = [
  {
    name: "XPRA_DEMO_USERS",
    section: "users",
    type: types.yes,
    default: "Y",
    usedBy: ["deploy", "proxy"],
    meaning: "`Y`: the proxies know the users that `vdi users` makes.",
  },
  {
    name: "XPRA_VALIDATE_USER",
    section: "users",
    type: types.yes,
    default: "Y",
    usedBy: ["proxy"],
    meaning:
      "`N` asks for a door without passwords, and `XPRA_OPEN_DOOR` must then say the same in words. The proxies of this version let nobody in without one all the same.",
  },
  {
    name: "XPRA_OPEN_DOOR",
    section: "users",
    type: types.choice("", "anybody may enter"),
    default: "",
    usedBy: ["proxy"],
    meaning:
      "Must be `anybody may enter` where `XPRA_VALIDATE_USER` is `N`, so that nobody opens the door by a slip of the hand. Without effect in this version.",
  },
  {
    name: "XPRA_AUTH_METHOD",
    section: "users",
    type: types.authMethod,
    default: "pam:service=xpra",
    usedBy: ["proxy"],
    meaning:
      "`pam:service=NAME`: the PAM service that checks passwords, a file of `/etc/pam.d` in the proxies' image, which has `xpra`. Anything else is refused, but for the old `pam` and `sys`, which mean the service `xpra`.",
  },
  {
    name: "XPRA_USER_MHD",
    section: "users",
    type: types.yes,
    default: "Y",
    usedBy: ["session"],
    later: true,
    meaning: "Anything but `Y`: no session gets a shared home.",
  },
  {
    name: "IDM_DOMAIN",
    section: "users",
    type: types.domain(true),
    default: of("DOMNAME"),
    usedBy: ["session"],
    meaning:
      "Domain of the FreeIPA or IDM server; empty: local users only. Sessions get it in their environment; nothing else uses it yet.",
  },
  {
    name: "IDM_ADMIN_USER",
    section: "users",
    type: types.base64,
    default: "",
    secret: true,
    usedBy: ["proxy"],
    later: true,
    meaning: "Account that looks up users, in base64.",
  },
  {
    name: "IDM_ADMIN_PASSWORD",
    section: "users",
    type: types.base64,
    default: "",
    secret: true,
    usedBy: ["proxy"],
    later: true,
    meaning: "Its password, in base64. Better given by the environment than written into the file.",
  },
  {
    name: "SESSION_USING_IDM",
    section: "users",
    type: types.yes,
    default: "N",
    usedBy: ["session"],
    later: true,
    meaning: "`Y`: session pods ask the IDM themselves; else they get the user's entries from the proxy.",
  },
  {
    name: "SESSION_USERS_OATH",
    section: "users",
    type: types.text,
    default: "",
    usedBy: ["session"],
    later: true,
    meaning: "File that lists the users who are asked for a one-time code.",
  },
  {
    name: "OATH_USERS_FILE",
    section: "users",
    type: types.text,
    default: "",
    usedBy: ["proxy"],
    later: true,
    meaning: "File with the keys of one-time passwords.",
  },
  old("SRC_PORTS", "a session listens on `PORT` only"),
  old("PROXY_DEBUG", "there is no debug service; `vdi logs` shows what proxies and brokers write"),
  old("LIVENESS_PROBE_CMD", "the probes belong to the images"),
  old("PRE_STOP_CMD", "the proxies end their connections by themselves; `PRESTOP_CMD` is that of the sessions"),
  old("KUBE_CONFIG", "no pod gets an admin's kubeconfig any more; `--kubeconfig` chooses the one that `vdi` itself uses"),
  old("XPRA_STARTUP_PROXY", "the proxy's start belongs to its image"),
  old("XPRA_SERVER_CRT", "the certificate is always `ssl/server.crt`"),
  old("XPRA_SERVER_KEY", "the key is always `ssl/server.key`"),
  old("SECRET_NAME_CRT", "the names of Secrets follow from `XPRA_DEPLOYNAME`"),
  old("SECRET_NAME_KEY", "the names of Secrets follow from `XPRA_DEPLOYNAME`"),
  old("SECRET_NAME_KUBE", "no pod gets an admin's kubeconfig any more"),
  old("XPRA_DEST_DIR", "nothing is copied inside the pods any more"),
];
