# SPDX-License-Identifier: GPL-2.0-or-later
"""What a connection may send and have unpacked before sign-in, and how large a message may be. With Xpra's own compressors."""

import threading
import time
import unittest
from types import SimpleNamespace
from unittest import mock

from vdi_door import bounds, compat


class Bounds(unittest.TestCase):
    def setUp(self):
        from xpra.net import compression

        compression.init_all()
        self.compression = compression.COMPRESSION
        server = object.__new__(compat.ProxyServer)
        self.closed = []
        self.proto = SimpleNamespace(
            _process_packet_cb=server.process_packet, _conn=SimpleNamespace(input_bytecount=0), send_disconnect="send_disconnect"
        )
        patch = mock.patch.object(compat, "on_main_thread", lambda *_call: self.closed.append(True))
        patch.start()
        self.addCleanup(patch.stop)

    def unpacked(self, proto, name, size):
        level, data = self.compression[name].compress(b"\0" * size, 1)
        sizes = []

        def parse(_proto):
            sizes.append(len(bounds.decompress(lambda *_: "Xpra's own", data, level)))

        bounds.read_parse_thread_loop(parse, proto)
        return sizes[0]

    def test_a_hello_is_unpacked_and_no_more_than_that(self):
        for name in ("lz4", "zlib", "brotli"):
            self.proto.vdi_unpacked = 0
            self.assertEqual(self.unpacked(self.proto, name, 500_000), 500_000)
            self.assertEqual(self.unpacked(self.proto, name, 500_000), 500_000)
            with self.assertRaises(ValueError, msg=name):
                self.unpacked(self.proto, name, bounds.MOST_UNPACKED)
            self.assertEqual(self.proto.vdi_unpacked, 1_000_000)
            self.proto.vdi_unpacked = bounds.MOST_UNPACKED
            with self.assertRaises(ValueError, msg=name):
                self.unpacked(self.proto, name, 1000)

    def test_strangers_together_hold_so_much_and_each_has_what_a_hello_needs(self):
        others = [SimpleNamespace(_conn=SimpleNamespace(input_bytecount=0), vdi_unpacked=bounds.MOST_UNPACKED) for _ in range(127)]
        # One that has ended, and one by which somebody has signed in.
        known = SimpleNamespace(_conn=None, vdi_unpacked=1 << 40, vdi_attached=True)
        server = self.proto._process_packet_cb.__self__
        server._potential_protocols = [self.proto, *others, known, SimpleNamespace(_conn=None)]
        self.assertEqual(self.unpacked(self.proto, "lz4", 500_000), 500_000)
        others[0]._conn.input_bytecount = 2 * bounds.MOST_UNPACKED
        self.proto.vdi_unpacked = 0
        with self.assertRaises(ValueError):
            self.unpacked(self.proto, "zlib", 500_000)
        self.assertEqual(self.unpacked(self.proto, "zlib", 100_000), 100_000)
        for received, closed in ((bounds.ENOUGH, False), (bounds.ENOUGH + 1, True)):
            self.proto._conn.input_bytecount = received
            bounds.con_read(lambda _proto: b"data", self.proto)
            self.assertEqual(bool(self.closed), closed)

    def test_what_is_read_and_not_taken_apart_is_limited_in_bytes(self):
        from xpra.net import packet_encoding

        packet_encoding.init_all()
        scheduler = SimpleNamespace(timeout_add=print, idle_add=print, source_remove=print)
        proto = compat.SocketProtocol.__new__(compat.WebSocketProtocol)
        bounds.prepare(compat.SocketProtocol.__init__, proto, scheduler, SimpleNamespace(), print)
        put = []

        def read():
            for _ in range(3):
                proto._read_queue.put(b"x" * bounds.LARGEST_MESSAGE)
                put.append(True)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        end = time.monotonic() + 30
        while not put and time.monotonic() < end:
            time.sleep(0.01)
        thread.join(0.5)
        self.assertEqual(len(put), 1)
        # The end of the connection wakes who waits.
        proto.terminate_queue_threads()
        thread.join(10)
        proto.terminate_queue_threads()

    def test_attached_clients_and_sessions_are_unpacked_by_xpra(self):
        self.proto._process_packet_cb = lambda *_: None
        self.assertEqual(self.unpacked(self.proto, "zlib", bounds.MOST_UNPACKED * 2), len("Xpra's own"))

    def test_too_much_before_sign_in_closes_and_not_after_it(self):
        read = lambda: bounds.con_read(lambda _proto: b"data", self.proto)  # noqa: E731
        self.proto._conn.input_bytecount = bounds.MOST_RECEIVED
        self.assertEqual((read(), self.closed), (b"data", []))
        self.proto._conn.input_bytecount += 1
        self.assertEqual((read(), self.closed), (b"", [True]))
        self.proto._process_packet_cb = lambda *_: None
        self.assertEqual((read(), self.closed), (b"data", [True]))

    def test_a_message_without_an_end_closes(self):
        for frames, rest, closes in (
            ([b"x" * 1000] * 100, b"", False),
            ([b""] * (bounds.MOST_FRAMES + 1), b"", True),
            ([b"x" * (bounds.LARGEST_MESSAGE // 2)] * 2, b"x", True),
        ):
            self.closed.clear()
            self.proto.ws_payload, self.proto.ws_data = frames, rest
            bounds.parse_ws_frame(lambda *_: None, self.proto, b"")
            self.assertEqual(bool(self.closed), closes)


if __name__ == "__main__":
    unittest.main()
