import { Agent, request } from "node:https";
import type { TLSSocket } from "node:tls";

/** What a proxy shows to whoever connects. */
export interface DoorView {
  /** HTTP status of `/healthz`. */
  readonly status: number;
  /** SHA-256 of the certificate, as `X509Certificate.fingerprint256` has it. */
  readonly fingerprint: string;
  readonly subject: string;
}

/**
 * Connects to a proxy as a browser does and asks for `/healthz`. Nobody's word is relied on: the certificate is what is being
 * looked at, so that it is accepted here whatever it is.
 */
export function lookAtDoor(
  host: string,
  options: { readonly port?: number; readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<DoorView> {
  return new Promise((resolve, reject) => {
    // http/1.1 is offered as browsers do it; without that Xpra takes the connection for one of its own protocol.
    const agent = new Agent({ rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
    const call = request({
      host: host.replace(/^\[|\]$/g, ""),
      port: options.port ?? 443,
      path: "/healthz",
      agent,
      headers: { Host: host.includes(":") ? `[${host}]` : host },
      signal: options.signal,
    });
    const timer = setTimeout(() => call.destroy(new Error(`no answer within ${options.timeoutMs / 1000} s`)), options.timeoutMs);
    call.once("response", (answer) => {
      const certificate = (answer.socket as TLSSocket).getPeerCertificate();
      answer.resume();
      clearTimeout(timer);
      // A certificate may leave the subject's name out.
      const { CN: name } = certificate.subject ?? {};
      resolve({
        status: answer.statusCode ?? 0,
        fingerprint: certificate.fingerprint256,
        subject: typeof name === "string" ? `CN=${name}` : (certificate.subjectaltname ?? ""),
      });
      call.destroy();
      agent.destroy();
    });
    call.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    call.end();
  });
}
