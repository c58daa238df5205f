"""Attached clients, light ones: Xpra's protocol without a screen. Runs in the proxy's image, beside it on the network.

Reads orders from standard input, one JSON object a line, and answers each with one:
  {"attach": N, "host", "port", "transport": "wss"|"ssl"|"tcp", "user", "password", "display"}  until N are attached in all
  {"type": KEYS A SECOND, of each client, "seconds"}
  {"flood": true, …as for attach}  one more client, which asks for pictures without an end and takes none of them
The answer: {"attached": so many now, "refused": attempts in vain so far, "pictures": drawn while typing}.
"""

import json
import random
import select
import struct
import sys
import threading
import time

from raw_client import Client

TRIES = 5


class Attached(Client):
    """Takes what comes, acknowledges pictures, answers pings, and types. One thread does it all: a TLS connection has no room for two."""

    def __init__(self, order):
        hello = {"display": order["display"], "ping-echo-sourceid": True, "share": True, "steal": False}
        super().__init__({**order, "until": "hello", "seconds": 30, "hello": hello})
        said = self.talk()
        if said[-1][1] != "hello":
            raise ConnectionError(f"not attached: {said[-1]}")
        self.pictures = 0
        self.rate = 0.0
        self.lost = False
        threading.Thread(target=self.live, daemon=True).start()

    def live(self):
        self.socket.settimeout(60)
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        pending = getattr(self.socket, "pending", lambda: 0)
        due = None
        try:
            while True:
                now = time.monotonic()
                if not self.rate:
                    due = None
                elif due is None:
                    # People do not type in step.
                    due = now + random.random() / self.rate
                elif now >= due:
                    self.send("key-action", 1, "a", True, (), 97, "a", 38, 0)
                    due += 1 / self.rate
                wait = 0.2 if due is None else max(0.0, min(0.2, due - time.monotonic()))
                if pending() or poll.poll(wait * 1000):
                    self.fill()
                while self.is_complete():
                    self.take(self.packet())
        except (EOFError, OSError):
            self.lost = True

    def is_complete(self):
        """Whether the next packet is here with all its pieces."""
        start = 0
        while len(self.buffer) >= start + 8:
            index, size = self.buffer[start + 3], struct.unpack("!L", self.buffer[start + 4 : start + 8])[0]
            start += 8 + size
            if index == 0:
                return len(self.buffer) >= start
        return False

    def take(self, packet):
        if packet[0] == "draw":
            self.pictures += 1
            self.send("damage-sequence", packet[8], packet[1], packet[4], packet[5], 10, "")
        elif packet[0] == "ping":
            self.send("ping_echo", packet[1], 0, 0, 0, 0, packet[3] if len(packet) > 3 else "")
        elif packet[0] == "disconnect":
            raise EOFError


class Flooding(Attached):
    def live(self):
        self.socket.settimeout(None)
        self.send("flood")
        time.sleep(3600)


def main():
    clients = []
    refused = 0
    for line in sys.stdin:
        order = json.loads(line)
        pictures = 0
        if "flood" in order:
            Flooding(order)
        elif "attach" in order:
            tries = 0
            while len(clients) < order["attach"] and tries < TRIES:
                try:
                    clients.append(Attached(order))
                    tries = 0
                except OSError as error:
                    print(error, file=sys.stderr, flush=True)
                    refused += 1
                    tries += 1
        else:
            before = sum(client.pictures for client in clients)
            for client in clients:
                client.rate = order["type"]
            time.sleep(order["seconds"])
            for client in clients:
                client.rate = 0.0
            # The last pictures are still on their way.
            time.sleep(1.0)
            pictures = sum(client.pictures for client in clients) - before
        print(json.dumps({"attached": sum(not client.lost for client in clients), "refused": refused, "pictures": pictures}), flush=True)


main()
