import Dockerode from "dockerode";
import { ExitCode } from "../util/exit-code.ts";
import { messageOf, VdiError } from "../util/vdi-error.ts";

/** The container engine of DOCKER_HOST, else of the local socket. Throws when it does not answer. */
export async function connectEngine(): Promise<Dockerode> {
  try {
    // It reads DOCKER_HOST and the certificates of DOCKER_CERT_PATH.
    const docker = new Dockerode();
    await docker.ping();
    return docker;
  } catch (thrown) {
    const place = process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock";
    throw new VdiError({
      what: `the container engine at ${place} does not answer`,
      why: messageOf(thrown),
      try: ["start it (systemctl start docker), or name another one with DOCKER_HOST", "docker info"],
      exitCode: ExitCode.unreachable,
      cause: thrown,
    });
  }
}
