"""A stand-in for sessions: Xpra's protocol from the session's side, for any number of clients at once. Runs in the proxy's image, for
its packet encoder.

Answers a hello and pings as a session does. A key is answered with a picture of PICTURE bytes, which is what a letter in a terminal
comes to as webp. Nothing is drawn and nothing is encoded, so that what is measured is the proxy.
A packet `flood` is answered with large pictures, one after the other, whether or not anybody takes them.
"""

import asyncio
import os
import struct

from xpra.net.rencodeplus.rencodeplus import dumps, loads

PICTURE = os.urandom(3000)
HELLO = {
    "version": "6.5.5", "server_type": "stand-in", "session-type": "stand-in", "rencodeplus": True, "packet-encoders": ["rencodeplus"],
    "max_desktop_size": (1920, 1080), "ping-echo-sourceid": True, "encodings": ["webp", "png"],
}


class Client:
    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.sequence = 0

    def send(self, *packet):
        body = dumps(packet)
        self.writer.write(struct.pack("!cBBBL", b"P", 0x10, 0, 0, len(body)) + body)

    async def serve(self):
        try:
            while True:
                _, _, _, index, size = struct.unpack("!cBBBL", await self.reader.readexactly(8))
                body = await self.reader.readexactly(size)
                if index == 0:
                    packet = loads(body)
                    self.answer(packet)
                    await self.writer.drain()
                    while packet[0] == "flood":
                        self.send("draw", 1, 0, 0, 1920, 1080, "webp", PICTURE * 100, 1, 0, {})
                        await self.writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.writer.close()

    def answer(self, packet):
        kind = packet[0]
        if kind == "hello":
            self.send("hello", HELLO)
            self.send("new-window", 1, 10, 10, 800, 600, {"title": "xterm"}, {})
        elif kind == "ping":
            self.send("ping_echo", packet[1], 0, 0, 0, 0, packet[3] if len(packet) > 3 else "")
        elif kind == "key-action":
            self.sequence += 1
            self.send("draw", 1, 10, 10, 80, 20, "webp", PICTURE, self.sequence, 0, {})


async def main():
    server = await asyncio.start_server(lambda reader, writer: Client(reader, writer).serve(), "0.0.0.0", 14500)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
