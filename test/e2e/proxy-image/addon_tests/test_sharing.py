# SPDX-License-Identifier: GPL-2.0-or-later
"""What a session answers a client that comes while others are there. Xpra's own class is a fake that says what 6.5.5 says."""

import unittest
from types import SimpleNamespace

from vdi_session import sharing


class Caps(dict):
    def boolget(self, key, default=False):
        return bool(self.get(key, default))


class Server:
    def __init__(self, says, *others):
        self.says = says
        self._server_sources = dict(enumerate(others))

    def parse_hello(self, _source, caps):
        return self.says if caps.boolget("steal", True) else "session busy:this session is already active"


def client(uuid):
    return SimpleNamespace(uuid=uuid, requires_sharing=lambda: True)


class Sharing(unittest.TestCase):
    def setUp(self):
        module = SimpleNamespace(SharingServer=type("SharingServer", (Server,), {}))
        sharing.replace(module)
        self.server = module.SharingServer

    def test_who_only_asks_is_refused_when_others_are_there(self):
        me, again, other = client("me"), client("me"), client("other")
        asks = Caps(steal=False)
        self.assertEqual(self.server("", me, other).parse_hello(me, asks), sharing.BUSY)
        self.assertEqual(self.server("", me, again).parse_hello(me, asks), "")
        self.assertEqual(self.server("", me, other).parse_hello(me, Caps()), "")

    def test_a_refusal_is_one_reason_whose_words_all_arrive(self):
        me = client("me")
        for says, arrives in (
            ("session busy:this session is locked", "session busy, this session is locked"),
            ("server shutdown:last client has exited", "server shutdown, last client has exited"),
            ("session busy", "session busy"),
        ):
            self.assertEqual(self.server(says, me).parse_hello(me, Caps()), arrives)
        self.assertNotIn(":", sharing.BUSY)


if __name__ == "__main__":
    unittest.main()
