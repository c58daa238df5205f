import { text as readAll } from "node:stream/consumers";
import { SessionRefusal } from "../session/refusal.ts";
import { messageOf } from "../util/vdi-error.ts";
import { readEnvironment } from "./environment.ts";
import { oneShot } from "./one-shot.ts";
import { serve } from "./serve.ts";

const usage = `usage: start_or_get_pod [--url]     one session, asked on standard input
       start_or_get_pod --serve     the broker: sessions for everybody who reaches its socket

Standard input, a line each:  USERNAME='alice'  XPRA_POD_DISPLAY='desktop'
Standard output:              user|NA|uid|gid|tcp:IP:PORT|||
  --url   the display as tcp://user:secret@IP:PORT/, with which the session can be entered
Exit codes: 0 done, 4 no such session type, 5 configuration missing, 6 unknown user, others: could not start.

VDI_CONFIG         configuration of the broker (/etc/vdi/broker.json)
VDI_BROKER_SOCKET  its socket (/run/vdi/broker/broker.sock); the one-shot form asks it when it is there
VDI_HEALTH_PORT    port of /healthz, /readyz and /metrics (9090)
VDI_DRAIN_SECONDS  how long an ending broker goes on for those who wait (20); less than the pod's grace period
KUBECONFIG         credentials outside a pod, in JSON: kubectl config view --raw --flatten --minify -o json
`;

async function main(args: readonly string[]): Promise<number> {
  const env = readEnvironment(process.env);
  const known = ["--serve", "--url", "--help", "-h"];
  const unknown = args.find((arg) => !known.includes(arg));
  if (unknown !== undefined) {
    process.stderr.write(`start_or_get_pod: there is no option ${unknown}\n`);
    return 2;
  }
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(usage);
    return 0;
  }
  if (args.includes("--serve")) return serve(env, (line) => process.stdout.write(line));
  process.stdout.write(`${await oneShot(env, await readAll(process.stdin), args.includes("--url"))}\n`);
  return 0;
}

main(process.argv.slice(2)).then(
  // What still waits (a flight whose door has gone) must not hold the process.
  (code) => process.exit(code),
  (thrown: unknown) => {
    const serving = process.argv.includes("--serve");
    const detail = serving && thrown instanceof SessionRefusal && thrown.detail !== undefined ? ` (${thrown.detail})` : "";
    process.stderr.write(`${messageOf(thrown)}${detail}`.replace(/\s+/g, " ").trim().concat("\n"));
    process.exit(thrown instanceof SessionRefusal ? thrown.code : 1);
  },
);
