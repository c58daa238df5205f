import type { AnyCommand, Command, CommandEntry, StreamCommand } from "../util/command.ts";

function entry(path: string, summary: string, load: () => Promise<AnyCommand>): CommandEntry {
  return { path: path.split(" "), summary, load };
}

/** All commands of `vdi`, in the order of the help. Each is loaded only when it is run or its own help is asked for. */
export const commands: readonly CommandEntry[] = [
  entry(
    "init",
    "make a deployment directory, or bring it up to this version",
    async () => (await import("./init.ts")).init as Command<never>,
  ),
  entry("local up", "bring the desktops up on this machine", async () => (await import("./local/up.ts")).localUp as Command<never>),
  entry(
    "local down",
    "take the desktops off this machine; homes stay",
    async () => (await import("./local/down.ts")).localDown as Command<never>,
  ),
  entry(
    "local status",
    "show what runs on this machine, and who is there",
    async () => (await import("./local/status.ts")).localStatusCommand as Command<never>,
  ),
  entry(
    "local logs",
    "show what proxy, broker and sessions write",
    async () => (await import("./local/logs.ts")).localLogs as StreamCommand<never>,
  ),
  entry(
    "local users add-demo",
    "add demo users xpra-user01, xpra-user02, ...",
    async () => (await import("./local/users/add-demo.ts")).localUsersAddDemo as Command<never>,
  ),
  entry(
    "local users list",
    "list the users of this machine's deployment",
    async () => (await import("./local/users/list.ts")).localUsersList as Command<never>,
  ),
  entry("local users remove", "remove users", async () => (await import("./local/users/remove.ts")).localUsersRemove as Command<never>),
  entry("local open", "open the page in the browser", async () => (await import("./local/open.ts")).localOpen as Command<never>),
  entry(
    "local export",
    "write the directory with which a cluster gets the same",
    async () => (await import("./local/export.ts")).localExport as Command<never>,
  ),
  entry(
    "config show",
    "show every variable with its value and where it comes from",
    async () => (await import("./config/show.ts")).configShow as Command<never>,
  ),
  entry(
    "config check",
    "find everything that is wrong in the configuration",
    async () => (await import("./config/check.ts")).configCheck as Command<never>,
  ),
  entry(
    "config explain",
    "explain one variable: meaning, value here, what it changes",
    async () => (await import("./config/explain.ts")).configExplain as Command<never>,
  ),
  entry(
    "build-images",
    "build the container images, and push them to the registry",
    async () => (await import("./build-images.ts")).buildImages as Command<never>,
  ),
  entry(
    "images list",
    "list the images, what they are made from, and where they are",
    async () => (await import("./images/list.ts")).imagesList as Command<never>,
  ),
  entry(
    "images rootfs",
    "make the base image's file system here, from a Debian mirror",
    async () => (await import("./images/rootfs.ts")).imagesRootfs as Command<never>,
  ),
  entry(
    "users add-demo",
    "add demo users xpra-user01, xpra-user02, ...",
    async () => (await import("./users/add-demo.ts")).usersAddDemo as Command<never>,
  ),
  entry(
    "users list",
    "list the users of the deployment directory",
    async () => (await import("./users/list.ts")).usersList as Command<never>,
  ),
  entry("users remove", "remove users", async () => (await import("./users/remove.ts")).usersRemove as Command<never>),
  entry("deploy", "create or update everything on the cluster", async () => (await import("./deploy.ts")).deploy as Command<never>),
  entry("render", "print what would be applied, without its secrets", async () => (await import("./render.ts")).render as Command<never>),
  entry("status", "show how the deployment is on the cluster", async () => (await import("./status.ts")).status as Command<never>),
  entry(
    "check",
    "find out what is wrong, before a deployment or with one",
    async () => (await import("./check.ts")).check as Command<never>,
  ),
  entry(
    "explain",
    "explain why somebody could not sign in or work",
    async () => (await import("./explain.ts")).explainCommand as Command<never>,
  ),
  entry("logs", "show what proxies, brokers and sessions write", async () => (await import("./logs.ts")).logs as StreamCommand<never>),
  entry("delete", "take the deployment off the cluster", async () => (await import("./delete.ts")).deleteCommand as Command<never>),
  entry("sessions list", "list the users' sessions", async () => (await import("./sessions/list.ts")).sessionsList as Command<never>),
  entry(
    "sessions stop",
    "end a session, or all sessions of a user",
    async () => (await import("./sessions/stop.ts")).sessionsStop as Command<never>,
  ),
  entry(
    "completion",
    "print what a shell needs to complete command lines",
    async () => (await import("./completion.ts")).completion as Command<never>,
  ),
];
