import { connect } from "node:net";
import type { Answer } from "../session/session-runtime.ts";

/**
 * Connects and hangs up. A first packet that is lost while a pod's network is being set up is sent again only after a second:
 * a short time-out and another try are quicker.
 */
export function tcpConnect(host: string, port: number, timeoutMs = 500): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: Answer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end("silent"), timeoutMs);
    // "No route to host" may become known only a moment after the kernel has let the connect end without an error.
    socket.once("connect", () => end(socket.remoteAddress ? "open" : "silent"));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      end(error.code === "ECONNREFUSED" || error.code === "ECONNRESET" ? "refused" : "silent"),
    );
  });
}
