import { readFileSync } from "node:fs";
import { join } from "node:path";

const distributed = join(import.meta.dirname, "..", "..", "..", "to_container", "session_types");

// Who eats all the memory is a child, and the rest goes three seconds after it: an engine is told of a lack of memory and of the end on
// two ways, and looks no more for the one after the other.

/**
 * Listens where Xpra would, and does what whoever connects asks for:
 * `say TEXT`, `end CODE`, `eat` (all the memory there is). Ended, it tells all of them that it saves.
 */
const listening = `echo "vdi: phase script The script is being started."
exec python3 -u - <<'EOF'
import os, signal, socket, threading, time
server = socket.create_server(("0.0.0.0", int(os.environ["PORT"])))
clients = []

def tell(text):
    for client in clients:
        try:
            client.sendall(text)
        except OSError:
            pass

def end(*_):
    tell(b"saving\\n")
    time.sleep(2)
    tell(b"saved\\n")
    os._exit(0)

def serve(client):
    for line in client.makefile("r"):
        word, _, rest = line.strip().partition(" ")
        if word == "say":
            client.sendall(rest.encode() + b"\\n")
        if word == "end":
            os._exit(int(rest))
        if word == "eat":
            child = os.fork()
            eaten = []
            while child == 0:
                eaten.append(b"x" * 2**20)
            os.waitpid(child, 0)
            time.sleep(3)
            os._exit(137)

signal.signal(signal.SIGTERM, end)
print("xpra is ready.", flush=True)
while True:
    client, _ = server.accept()
    clients.append(client)
    threading.Thread(target=serve, args=(client,), daemon=True).start()
EOF
`;

/** Session types of the contract, by name: what their scripts do. */
export const scripts: Readonly<Record<string, string>> = {
  listening,
  /** Another image: there is none. */
  missing: listening,
  crashing: `echo "no desktop here, my password is $XPRA_PASSWORD" >&2\nexit 3\n`,
  brief: "exit 0\n",
  hungry: 'python3 -c "x = [b\\"x\\" * 2**20 for _ in range(4096)]"; code=$?; sleep 3; exit $code\n',
  slow: `echo "vdi: phase script The script takes its time."\nexec sleep 3600\n`,
  /** One of the distribution's own, with Xpra itself. */
  "desktop-failsafe": readFileSync(join(distributed, scriptPath("desktop-failsafe")), "utf8"),
};

/** Path of a type's script below `session_types`. */
export function scriptPath(type: string): string {
  return `default/xpra_startup_${type}.sh`;
}
