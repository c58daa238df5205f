# SPDX-License-Identifier: GPL-2.0-or-later
"""What is looked through before Xpra's decoders see it: with Xpra's own encoders, and with packets that none of them makes."""

import random
import subprocess
import sys
import threading
import tracemalloc
import unittest
from types import SimpleNamespace
from unittest import mock

from vdi_door import bounds, compat, decoding
from vdi_door.decoding import OF_KNOWN, OF_STRANGERS, Limits, NotTaken, look_through_bencode, look_through_rencodeplus
from xpra.net.bencode import bdecode, bencode
from xpra.net.rencodeplus.rencodeplus import dumps, loads

ENCODINGS = ((look_through_rencodeplus, dumps, loads), (look_through_bencode, bencode, lambda data: bdecode(data)[0]))
NO_LIMITS = Limits(1 << 40, 1 << 40)
# The smallest that a thread of the proxy may have: what glibc gives where no size is set is 2 MiB or more.
STACK = 1024 * 1024


def on_a_thread(call):
    """Calls it with the stack of a proxy's thread, and gives what it gives."""
    given = []
    before = threading.stack_size(STACK)
    try:
        thread = threading.Thread(target=lambda: given.append(call()))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    return given[0]


def made_up(chance, depth, none):
    """Any value that a packet may have."""
    kind = chance.randrange(12 if depth else 8)
    if kind == 0:
        return chance.choice((True, False, None if none else 7))
    if kind == 1:
        return chance.randrange(-(1 << chance.randrange(1, 64)), 1 << chance.randrange(1, 63))
    if kind == 2:
        return chance.choice((1, -1)) * chance.randrange(10**18, 10**60)
    if kind == 3 and none:
        return chance.uniform(-1e300, 1e300)
    if kind in (3, 4, 5):
        return "".join(chance.choices("aä€😀{0:/", k=chance.choice((0, 1, 5, 20, 63, 64, 200))))
    if kind in (6, 7):
        return chance.randbytes(chance.choice((0, 1, 9, 10, 300)))
    if kind in (8, 9):
        return [made_up(chance, depth - 1, none) for _ in range(chance.choice((0, 1, 3, 63, 64, 70)))]
    keys = chance.choice((0, 1, 24, 25, 30))
    return {chance.choice((str, int, lambda n: str(n).encode()))(n): made_up(chance, depth - 1, none) for n in range(keys)}


def counted(value, is_long):
    if isinstance(value, dict):
        return 1 + sum(counted(key, is_long) + counted(each, is_long) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return 1 + sum(counted(each, is_long) for each in value)
    return 101 if isinstance(value, int) and is_long(value) else 1


class LookingThrough(unittest.TestCase):
    def test_whatever_xpra_encodes_is_taken_and_counted(self):
        for look, encode, decode in ENCODINGS:
            chance = random.Random(7)
            is_long = (lambda n: not -(1 << 63) <= n < 1 << 63) if encode is dumps else (lambda n: len(str(n)) > 19)
            for _ in range(40):
                value = ["packet", *(made_up(chance, 3, encode is dumps) for _ in range(3))]
                data = encode(value)
                found = look(data, NO_LIMITS)
                self.assertEqual(found.items, counted(decode(data), is_long))
                cut = data[: chance.randrange(len(data))]
                with self.assertRaises(NotTaken):
                    look(cut, NO_LIMITS)

    def test_what_is_let_through_the_decoder_survives(self):
        for look, encode, decode in ENCODINGS:
            chance = random.Random(11)
            taken = 0
            for number in range(4000):
                data = bytearray(encode(["packet", made_up(chance, 2, encode is dumps)]) if number % 2 else b"\xc1l" + chance.randbytes(40))
                for _ in range(chance.choice((0, 1, 3))):
                    data[chance.randrange(len(data))] = chance.choice((chance.randrange(256), 127, 192, 59, 60, 61, 49, 58, 47, 108, 100, 101))
                data = bytes(data)
                try:
                    look(data, OF_KNOWN)
                except NotTaken:
                    continue
                taken += 1
                try:
                    decode(data)
                except (ValueError, TypeError):
                    # Such as no UTF-8, or a list as a key.
                    pass
            self.assertGreater(taken, 200)

    def test_what_ended_the_proxy_is_refused(self):
        for look, data in (
            *((look_through_rencodeplus, data) for data in (b"\xc1" * 30_000, b"\x3b" * 100_000, b"\x67" * 30_000, b"\x3c\0" * 30_000)),
            *((look_through_bencode, data) for data in (b"l" * 100_000, b"d1:a" * 60_000, b"d" * 1000)),
        ):
            with self.assertRaisesRegex(NotTaken, "too deeply", msg=data[:8]):
                look(data, OF_STRANGERS)
        for data in (b"10000000:", b"l10000000:e", b"lu9999:", b"ld1:a2:be", b"i5", b"l", b"", b"e", b"i1_0e", b"01:x", b"l1 : e", b"-1:"):
            with self.assertRaises(NotTaken, msg=data):
                look_through_bencode(data, OF_STRANGERS)
        for data in (b"", b"\x7f", b"\xc1", b"\xc1\x7f", b"\x3b", b"\x3c\0\x7f", b"\x67\x66", b"\xc15:abc", b"\x3d" + b"1" * 70, b"\xc19 :x", b"-", b"\x81"):
            with self.assertRaises(NotTaken, msg=data):
                look_through_rencodeplus(data, OF_STRANGERS)

    def test_what_costs_much_is_limited(self):
        many = 2000
        collide = {number * ((1 << 61) - 1) << 70: 0 for number in range(many)}
        lists = b"\x3c" + b"".join(dumps((1 << 40 | number, number)) + b"\0" for number in range(many)) + b"\x7f"
        for look, data in (
            (look_through_rencodeplus, dumps(["x", collide])),
            (look_through_bencode, bencode(["x", collide])),
            (look_through_rencodeplus, lists),
            (look_through_rencodeplus, b"\x3b" + b"\x66" * 1_000_000 + b"\x7f"),
            (look_through_rencodeplus, dumps(["x", "😀" * 400_000])),
            (look_through_bencode, b"lu400000:" + b"x" * 400_000 + b"u400000:" + b"x" * 400_000 + b"e"),
            (look_through_bencode, b"l" + b"de" * 100_000 + b"e"),
        ):
            with self.assertRaisesRegex(NotTaken, "too much", msg=data[:20]):
                look(data, OF_STRANGERS)
        # Bytes stay as large as they are.
        self.assertLess(look_through_rencodeplus(dumps(["x", b"p" * 4_000_000]), OF_STRANGERS).text, 10)

    def test_what_is_decoded_takes_as_much_as_the_limits_say(self):
        for data in (
            b"\x3b" + b"\x66" * 19_990 + b"\x7f",
            b"\x3b" + b"\x67\x01\x01" * 6_600 + b"\x7f",
            b"\x3b" + b"\xc1\xc0" * 9_990 + b"\x7f",
            b"\x3b" + b"\x83\xe2\x82\xac" * 19_990 + b"\x7f",
            b"\x3b" + b"\xbf" + ("😀" + "a" * 59).encode() + (b"\xbf" + ("😀" + "a" * 59).encode()) * 8000 + b"\x7f",
            dumps(["x", "😀" + "a" * 500_000]),
        ):
            found = look_through_rencodeplus(data, OF_STRANGERS)
            tracemalloc.start()
            packet = loads(data)
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            self.assertLess(most, 100 * found.items + 6 * found.text + 200_000, packet[:1])


class Decode(unittest.TestCase):
    def setUp(self):
        from xpra.net import packet_encoding

        packet_encoding.init_all()
        self.decoders = packet_encoding
        self.lines = []
        patch = mock.patch.object(decoding, "log", SimpleNamespace(info=lambda *line: self.lines.append(line)))
        patch.start()
        self.addCleanup(patch.stop)

    def decode(self, data, flags=compat.FLAGS_RENCODEPLUS, proto=None):
        given = []
        bounds.read_parse_thread_loop(lambda _proto: given.append(decoding.decode(self.decoders.decode, data, flags)), proto)
        return given[0]

    def test_packets_come_through(self):
        packet = ("hello", {"a": 1})
        for data in (dumps(packet), memoryview(dumps(packet)), dumps((*packet, b"x" * 5000))):
            self.assertEqual(self.decode(data)[:2], packet)
        self.assertEqual(self.decode(bencode([b"hello", {b"a": 1}]), 0), [b"hello", {b"a": 1}])
        self.assertEqual(self.lines, [])

    def test_others_end_the_connection(self):
        for data, flags in (
            (b"\xc1" * 30_000, compat.FLAGS_RENCODEPLUS),
            (b"100000000:", 0),
            (b"l", 0),
            (b"- hello", compat.FLAGS_YAML),
            (b"\xc1\x85hello", compat.FLAGS_RENCODE),
            (b"\xff\xff", compat.FLAGS_RENCODEPLUS),
            (b"9999999999:x", compat.FLAGS_RENCODEPLUS),
            (b"1" * 1000, compat.FLAGS_RENCODEPLUS),
            (b"\xc1\x81\xff", compat.FLAGS_RENCODEPLUS),
            (b"lu1:\xffe", 0),
        ):
            with self.assertRaises(compat.InvalidPacketEncodingException, msg=data[:20]):
                self.decode(data, flags)
        self.assertTrue(self.lines)

    def test_a_packet_is_a_list_with_a_short_text_first(self):
        for packet in ((), "hello", b"hello", {"hello": 1}, 7, (["challenge"], 1), (7, 1), (True, 1), ("x" * 65, 1), ("",), (None,), ({},)):
            with self.assertRaises(compat.InvalidPacketEncodingException, msg=packet):
                self.decode(dumps(packet))
        self.assertEqual(self.decode(dumps(("x" * 64,))), ("x" * 64,))

    def test_more_is_taken_from_who_has_signed_in(self):
        large = dumps(["x", *range(OF_STRANGERS.items)])
        stranger = SimpleNamespace(_process_packet_cb=object.__new__(compat.ProxyServer).process_packet)
        with self.assertRaises(compat.InvalidPacketEncodingException):
            self.decode(large, proto=stranger)
        self.assertEqual(len(self.decode(large, proto=SimpleNamespace(_process_packet_cb=print))), OF_STRANGERS.items + 1)

    def test_the_smallest_stack_holds_what_is_not_looked_through_and_what_is_as_deep_as_may_be(self):
        small = decoding.SMALL
        deep = decoding.DEEPEST - 1
        for data, encode, decode in (
            (b"\xc1" * (small - 1) + b"\0", dumps, loads),
            (b"\x3b" * (small // 2 - 1) + b"\0" + b"\x7f" * (small // 2), dumps, loads),
            (b"\x67\0" * (small // 2 - 1) + b"\0", dumps, loads),
            (b"\x67" + b"\xc1" * (small - 3) + b"\0\0", dumps, loads),
            (b"l" * deep + b"e" * deep, bencode, lambda data: bdecode(data)[0]),
            (b"d1:a" * deep + b"i0e" + b"e" * deep, bencode, lambda data: bdecode(data)[0]),
        ):

            def pass_on(data=data, encode=encode, decode=decode):
                value = decode(data)
                return len(repr(value)) + len(str(value)) + len(encode(value)) + (value == decode(data))

            self.assertGreater(on_a_thread(pass_on), 100)

    def test_xpra_alone_does_not_survive(self):
        # When it does, this file is needed no more.
        for code in (r"from xpra.net.rencodeplus.rencodeplus import loads; loads(b'\xc1' * 1000000)", "from xpra.net.bencode import bdecode; bdecode(b'1000000000:')"):
            self.assertLess(subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False).returncode, 0)


if __name__ == "__main__":
    unittest.main()
