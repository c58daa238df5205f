import type { Reason } from "./reasons.ts";

/**
 * The words for the admin of one container engine, where they are not those for a cluster; without `admin` only what to try is
 * another. `NS` stands for the deployment.
 */
export const dockerWords: Readonly<Partial<Record<Reason, { readonly admin?: string; readonly try: readonly string[] }>>> = {
  "no-such-type": {
    try: ["ls to_container/session_types/*/: the script has to be executable", "vdi local up"],
  },
  "no-image": {
    try: ["set IMAGE_DEFAULT in deploy/vdi.env", "vdi local up"],
  },
  "no-configuration": { try: ["vdi local up writes it anew"] },
  forbidden: {
    admin: "the broker may not use the engine's socket",
    try: ["docker inspect vdi-NS-broker: is the socket mounted?", "vdi local up makes the broker anew"],
  },
  "not-accepted": {
    admin: "the engine does not take the session's container as the configuration makes it",
    try: ["vdi config check", "vdi local up"],
  },
  "no-room": {
    admin: "every network of the range that sessions' networks are cut out of is taken",
    try: ["docker network ls: what else uses the range?", "docker network prune", "give the deployment a larger range"],
  },
  queue: {
    try: ["docker ps: do the ones before it come to start?", "raise XPRA_STARTS_AT_ONCE, if the processors are idle"],
  },
  image: {
    admin: "the engine does not have the session's image",
    try: ["vdi build-images", "vdi local up"],
  },
  configuration: {
    admin: "the engine cannot start the session's container: something that it names is not there, or the image lacks its command",
    try: ["vdi local up", "vdi build-images, if the image is not one of vdi's"],
  },
  slow: {
    try: ["docker logs vdi-NS-s-NAME: does the session's script get as far as xpra?"],
  },
  lost: {
    admin: "the session's container was removed again and again while it started",
    try: ["docker events --since 10m: who removes it?"],
  },
  ended: {
    try: ["the script has to stay until the desktop ends: xpra start … --daemon=no", "docker logs vdi-NS-s-NAME"],
  },
  crashed: {
    try: ["docker logs vdi-NS-s-NAME", "the session type's script in to_container/session_types"],
  },
  memory: {
    try: ["raise XPRA_SESSION_MEMORY_LIMIT, then vdi local up"],
  },
  machine: {
    admin: "the engine or the machine was shut down or failed, and the session's container with it",
    try: ["uptime", "journalctl --unit docker"],
  },
  refused: {
    admin: "the session's container runs, but nothing listens on its port",
    try: ["docker logs vdi-NS-s-NAME", "docker stop vdi-NS-s-NAME, if its user agrees"],
  },
  silent: {
    admin: "the session's container cannot be reached: its network does not carry packets",
    try: [
      "docker network inspect $(docker network ls -qf name=vdi-NS-s-NAME--): is the proxy in it?",
      "did something replace the engine's firewall rules?",
    ],
  },
  stuck: {
    admin: "the session's container should be gone by now and is not: a process in it cannot be killed, or the engine hangs",
    try: ["docker ps --all --filter label=vdi.xpra.org/session=NAME", "docker rm --force --volumes CONTAINER"],
  },
  gone: {
    try: ["docker events --since 10m, when the user did not end it"],
  },
  foreign: {
    admin:
      "a container of this name is not this deployment's, or belongs to another user, or to an account of the same name with another uid",
    try: ["docker inspect vdi-NS-s-NAME: its labels", "docker rm --force vdi-NS-s-NAME, if nobody needs it"],
  },
  away: {
    admin: "the engine does not answer the broker, or only with errors",
    try: ["docker version", "the lines 'trouble' in the broker's log: docker logs vdi-NS-broker"],
  },
  "broker-away": {
    try: ["docker logs vdi-NS-broker"],
  },
  "bad-request": {
    try: ["images of one version for proxy and broker: vdi local up"],
  },
};
