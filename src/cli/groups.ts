/** What the groups of commands are about. */
export const groupSummaries: Readonly<Record<string, string>> = {
  config: "look at the configuration and check it",
  images: "the container images",
  local: "the desktops on this machine, on nothing but Docker",
  "local users": "users of the deployment on this machine",
  sessions: "the users' sessions",
  users: "users that the proxies know without a directory service",
};
