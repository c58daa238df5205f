"""A client of Xpra's protocol that says exactly what a test tells it to. Runs in the proxy's image, for its packet encoder.

Reads one JSON object from a line of standard input:
  {"host", "port", "transport": "wss"|"ssl"|"tcp", "user", "password", "hello": {...} added to the second hello,
   "again": seconds after which the second hello is sent once more, "seconds": how long to listen, "until": packet type that ends it, "origin": header,
   "bomb": bytes that a small piece of a packet, sent first, unpacks to, "endless": pieces of 64 KiB of a WebSocket message without an end,
   "hostile": [[flags, bytes in hexadecimal, how often, whether packed], ...] sent first, as the encoded form of a packet,
   "first": [packet, ...] said in the place of the first hello,
   "wait": true when it is to print [0, "waiting"] first and to connect after another line}
and prints each packet received as a line of JSON: [seconds since the start, type, ...]; the connection's end as [seconds, "closed"].
"""

import base64
import hashlib
import hmac
import json
import os
import socket
import ssl
import struct
import sys
import time
import zlib

from xpra.net.rencodeplus.rencodeplus import dumps, loads

PLUS = 0x10


class Client:
    def __init__(self, order, source=""):
        self.order = order
        self.started = time.monotonic()
        self.said = []
        raw = socket.create_connection((order["host"], order["port"]), 10, (source, 0) if source else None)
        self.socket = raw if order.get("transport") == "tcp" else self.encrypted(raw)
        self.buffer = b""
        self.frames = b""
        self.web = order.get("transport", "wss") == "wss"
        if self.web:
            self.upgrade()

    @staticmethod
    def encrypted(raw):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(raw)

    def upgrade(self):
        key = base64.b64encode(os.urandom(16)).decode()
        origin = f"Origin: {self.order['origin']}\r\n" if self.order.get("origin") else ""
        self.socket.sendall(
            (
                f"GET / HTTP/1.1\r\nHost: {self.order['host']}:{self.order['port']}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n{origin}\r\n"
            ).encode()
        )
        while b"\r\n\r\n" not in self.frames:
            data = self.socket.recv(4096)
            if not data:
                break
            self.frames += data
        head, _, self.frames = self.frames.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0] + b" ":
            raise SystemExit(json.dumps([0, "http", head.split(b"\r\n")[0].decode()]))

    def send(self, *packet):
        self.send_encoded(dumps(packet))

    def send_encoded(self, body, flags=PLUS, level=0):
        data = struct.pack("!cBBBL", b"P", flags, level, 0, len(body)) + body
        if self.web:
            mask = os.urandom(4)
            size = len(data)
            long = b"\xfe" + struct.pack("!H", size) if size < 65536 else b"\xff" + struct.pack("!Q", size)
            head = b"\x82" + (bytes([0x80 | size]) if size < 126 else long)
            data = head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        self.socket.sendall(data)

    def too_much(self):
        """What no hello is."""
        for flags, piece, times, packed in self.order.get("hostile", ()):
            body = bytes.fromhex(piece) * times
            self.send_encoded(zlib.compress(body) if packed else body, flags, 1 if packed else 0)
        if self.order.get("bomb"):
            packed = zlib.compress(bytes(self.order["bomb"]), 1)
            self.socket.sendall(struct.pack("!cBBBL", b"P", PLUS, 1, 1, len(packed)) + packed)
        try:
            for number in range(self.order.get("endless", 0)):
                self.socket.sendall(struct.pack("!BBQL", 0 if number else 2, 0xFF, 65536, 0) + bytes(65536))
        except OSError:
            self.say("closed")
            raise SystemExit from None

    def fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        if not self.web:
            self.buffer += data
            return
        self.frames += data
        while len(self.frames) >= 2:
            size, start = self.frames[1] & 0x7F, 2
            if size == 126:
                size, start = struct.unpack("!H", self.frames[2:4])[0], 4
            elif size == 127:
                size, start = struct.unpack("!Q", self.frames[2:10])[0], 10
            if len(self.frames) < start + size:
                return
            opcode, payload, self.frames = self.frames[0] & 15, self.frames[start : start + size], self.frames[start + size :]
            if opcode == 8:
                raise EOFError
            if opcode in (0, 2):
                self.buffer += payload

    def packet(self):
        chunks = {}
        while True:
            while len(self.buffer) < 8 or len(self.buffer) < 8 + struct.unpack("!L", self.buffer[4:8])[0]:
                self.fill()
            index, size = self.buffer[3], struct.unpack("!L", self.buffer[4:8])[0]
            body, self.buffer = self.buffer[8 : 8 + size], self.buffer[8 + size :]
            if index:
                chunks[index] = body
                continue
            packet = list(loads(body))
            for place, value in chunks.items():
                packet[place] = value
            return packet

    def say(self, *values):
        self.said.append([round(time.monotonic() - self.started, 3), *values])
        self.heard(self.said[-1])

    def heard(self, packet):
        """Called with each packet as it comes."""

    def hello(self, more):
        return {
            "version": "6.5.5", "username": self.order["user"], "uuid": os.urandom(16).hex(), "client_type": "HTML5", "rencodeplus": True,
            "packet-encoders": ["rencodeplus"], "digest": ["xor", "hmac+sha512"], "salt-digest": ["hmac+sha512"], "steal": True, "share": False,
            "windows": False, "keyboard": False, "mouse": False, "encodings": ["png"], "encoding": "png", **more,
        }

    def answer(self, challenge):
        server_salt, digest, salt_digest = challenge[1], challenge[3], challenge[4]
        assert digest == "xor", digest
        server_salt = server_salt if isinstance(server_salt, bytes) else server_salt.encode("latin1")
        client_salt = os.urandom(32).hex().encode()
        name = salt_digest.partition("+")[2]
        salt = hmac.new(client_salt, server_salt, getattr(hashlib, name)).hexdigest().encode()
        password = self.order["password"].encode()
        salt = salt.ljust(len(password), b"\0")[: len(password)]
        return {
            "challenge_response": bytes(a ^ b for a, b in zip(password, salt)),
            "challenge_client_salt": client_salt,
        }

    def talk(self):
        """Says hello, and listens as long as the order says; everything that was heard."""
        until = self.order.get("until", "disconnect")
        end = time.monotonic() + self.order.get("seconds", 30)
        self.too_much()
        for packet in self.order.get("first") or [("hello", self.hello({"challenge": True} if self.order.get("fake") else {}))]:
            self.send(*packet)
        try:
            while time.monotonic() < end:
                self.socket.settimeout(max(0.05, end - time.monotonic()))
                packet = self.packet()
                kind = packet[0]
                if kind == "challenge":
                    full = self.hello({**self.order.get("hello", {}), **self.answer(packet)})
                    self.send("hello", full)
                    if self.order.get("again"):
                        time.sleep(self.order["again"])
                        self.send("hello", full)
                    self.say("challenge", packet[3])
                    continue
                if kind == "hello":
                    self.say(kind, {key: packet[1].get(key) for key in ("server_type", "session-type", "proxy", "version", "display")})
                elif kind == "disconnect":
                    self.say(*packet)
                else:
                    self.say(kind)
                if kind in (until, "disconnect"):
                    break
        except TimeoutError:
            self.say("nothing")
        except (EOFError, OSError):
            self.say("closed")
        return self.said


class Printing(Client):
    def heard(self, packet):
        print(json.dumps(packet, default=repr), flush=True)


if __name__ == "__main__":
    ORDER = json.loads(sys.stdin.readline())
    if ORDER.get("wait"):
        print(json.dumps([0, "waiting"]), flush=True)
        sys.stdin.readline()
    Printing(ORDER).talk()
