"""A broker to try the proxy's image against: the socket's HTTP interface, with answers from a file that a test writes.

fake_broker.py SOCKET STATE.json, where STATE.json holds {"types": [...], "sessions": {"USER/DISPLAY": {...}}}; a session is
{"display": "tcp://user:secret@10.1.2.3:14500/"}, {"error": {...}}, {"afterSeconds": 20, "display": ...}, or absent (refused).
Every question is printed as a line of JSON on standard output.
"""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer

TYPES = [
    {"name": "desktop", "title": "Desktop", "description": "A whole desktop", "default": True},
    {"name": "seamless", "title": "Single windows", "description": "Programs without a desktop"},
]


def state():
    try:
        with open(sys.argv[2], encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *_arguments):
        pass

    def json(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = True

    def line(self, value):
        self.wfile.write(json.dumps(value).encode() + b"\n")
        self.wfile.flush()

    def do_GET(self):
        self.json(200, {"ok": True})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        display = str(body.get("display") or "seamless")
        print(json.dumps({"path": self.path, "user": body["user"]["name"], "body": body}), flush=True)
        known = state()
        session = known.get("sessions", {}).get(f"{body['user']['name']}/{display}")
        if self.path == "/v1/types":
            return self.json(200, {"types": known.get("types", TYPES)})
        if self.path == "/v1/state":
            return self.json(200, {"state": "ready" if session else "absent"})
        if self.path == "/v1/end":
            return self.json(200, {"state": "ending" if session else "absent"})
        if self.path != "/v1/sessions":
            return self.json(404, {"error": {"code": 1, "reason": "not-found", "message": "no such path"}})
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if session is None:
            return self.line({"event": "error", "code": 4, "reason": "no-such-type", "message": f"There is no desktop type {display!r} for you."})
        if "error" in session:
            return self.line({"event": "error", **session["error"]})
        wait = float(session.get("afterSeconds", 0))
        end = time.monotonic() + wait
        if wait:
            self.line({"event": "progress", "phase": "scheduling", "message": "finding a machine"})
        while time.monotonic() < end:
            time.sleep(min(1.0, max(0.0, end - time.monotonic())))
            try:
                self.line({"event": "progress", "phase": "pulling", "message": "fetching the programs"})
            except OSError:
                return None
        self.line({"event": "ready", "display": session["display"], "session": f"{body['user']['name']}-{display}"})
        return None


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


if __name__ == "__main__":
    directory = os.path.dirname(sys.argv[1])
    os.makedirs(directory, exist_ok=True)
    os.chmod(directory, 0o2750)
    if os.path.exists(sys.argv[1]):
        os.unlink(sys.argv[1])
    server = Server(sys.argv[1], Handler)
    os.chmod(sys.argv[1], 0o660)
    print("ready", flush=True)
    server.serve_forever()
