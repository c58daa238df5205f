# SPDX-License-Identifier: GPL-2.0-or-later
"""The door inside the Xpra of this image: every replaced name is there, and a missing one stops the start."""

import importlib.util
import os
import subprocess
import sys
import unittest
from unittest import mock

ADDON = next(path for path in sys.path if os.path.isfile(os.path.join(path, "vdi-proxy")))


class InXpra(unittest.TestCase):
    def test_every_name_is_replaced(self):
        from vdi_door import compat, replaced

        replaced.install()
        self.assertEqual(compat.ProxyServer.auth_verified.__module__, "vdi_door.replaced")
        for name in ("process_packet", "_process_hello", "verify_auth", "do_make_protocol"):
            self.assertEqual(getattr(compat.ProxyServer, name).__module__, "vdi_door.replaced")
        self.assertEqual(compat.ProxyServer.invalid_header.__module__, "vdi_door.strangers")
        self.assertEqual(compat.client_main.retry_socket_connect.__module__, "vdi_door.replaced")
        self.assertEqual(compat.TLS_MODULE.ssl_handshake.__module__, "vdi_door.handshake")
        self.assertEqual(compat.server_core.add_listen_socket.__module__, "vdi_door.replaced")
        self.assertEqual(compat.server_core.log_new_connection.__module__, "vdi_door.replaced")
        self.assertEqual(compat.proxy_instance.Queue.__module__, "vdi_door.pressure")
        self.assertEqual(compat.socket_handler.decode.__module__, "vdi_door.replaced")
        for name in ("process_client_packet", "process_server_packet"):
            self.assertEqual(getattr(compat.ProxyInstance, name).__module__, "vdi_door.replaced")
        self.assertEqual(compat.ProxyInstance.get_proxy_info.__module__, "vdi_door.instances")
        self.assertEqual(compat.websocket_handler.WebSocketRequestHandler.__module__, "vdi_door.http_door")
        self.assertEqual(compat.ProxyInstanceThread.start_network_threads.__module__, "vdi_door.replaced")
        if compat.PROXY_ENCODES_VIDEO:
            self.assertEqual(compat.ProxyInstance.video_init.__module__, "vdi_door.instances")
        self.assertEqual(compat.ProxyInstanceThread.close_connections.__module__, "vdi_door.instances")
        self.assertEqual(importlib.import_module(compat.AUTH_MODULE).Authenticator.__module__, "vdi_door.authenticator")
        self.assertNotIn("gi.repository.Gtk", sys.modules)

    def test_nothing_is_kept_of_a_text_frame(self):
        from vdi_door import compat, replaced

        replaced.install()
        util = importlib.import_module("xpra.util")
        kept = util if hasattr(util, "_once_only") else importlib.import_module("xpra.util.env")
        compat.websocket_protocol.first_time("ws-text-frame-from-x")
        self.assertNotIn("ws-text-frame-from-x", kept._once_only)

    def test_a_client_gets_no_ping_before_the_session_has_said_hello(self):
        from types import SimpleNamespace

        from vdi_door import instances
        from vdi_door.door import open_door
        from vdi_door.settings import read_settings

        open_door(read_settings({}))
        sent = []
        proto = SimpleNamespace(is_closed=lambda: False, _conn=SimpleNamespace(input_bytecount=0))
        instance = SimpleNamespace(exit=False, uuid="x", client_protocol=proto, queue_client_packet=sent.append)
        self.assertTrue(instances.send_client_ping(instance))
        self.assertEqual(sent, [])
        instances.filter_server_caps(lambda _self, caps: caps, instance, {})
        self.assertTrue(instances.send_client_ping(instance))
        self.assertEqual(sent[0][0], "ping")

    def test_an_instance_whose_client_has_gone_ends(self):
        from types import SimpleNamespace

        from vdi_door import instances

        for closed in (False, True):
            waiting, stopped, started = [], [], []
            proto = SimpleNamespace(is_closed=lambda closed=closed: closed, _write_queue=None, _write_lock=None)
            session = SimpleNamespace(_write_queue=None, _write_lock=None)
            instance = SimpleNamespace(exit=False, client_protocol=proto, server_protocol=session)
            instance.idle_add = lambda call, *values, waiting=waiting: waiting.append((call, values))
            instance.stop = lambda *values, stopped=stopped: stopped.append(values)
            instances.start_network_threads(started.append, instance)
            self.assertEqual(started, [instance])
            self.assertEqual(session.abs_max_packet_size, instances.LARGEST_PIECE)
            for side in (proto, session):
                side.input_stats["made up"] = side.output_stats["made up"] = side.output_stats.get("made up", 0) + 1
                self.assertEqual((len(side.input_stats), len(side.output_stats)), (0, 0))
                self.assertIn("made up", side.large_packets)
            for call, values in waiting:
                self.assertFalse(call(*values))
            self.assertEqual(stopped, [(proto, "client connection lost")] if closed else [])

    def test_a_thread_that_waits_for_the_encoder_is_freed_at_the_end(self):
        import threading
        from types import SimpleNamespace

        from vdi_door import instances
        from vdi_door.pressure import MOST_BYTES, Pressed

        def side():
            return SimpleNamespace(is_closed=lambda: True, _write_queue=Pressed(), _write_lock=threading.Lock())

        timers = []
        instance = SimpleNamespace(client_protocol=side(), server_protocol=side(), idle_add=lambda *_values: None, vdi_detached=True)
        instance.client_packets, instance.server_packets, instance.encode_queue = Pressed(), Pressed(), Pressed()
        instance.timeout_add = lambda _milliseconds, call, *values: timers.append((call, values))
        instances.start_network_threads(lambda _self: None, instance)
        instance.encode_queue.put(b"x" * MOST_BYTES)
        waits = threading.Thread(target=instance.encode_queue.put, args=(b"y",), daemon=True)
        waits.start()
        # As Xpra's stop does before it closes the connections.
        instance.encode_queue = Pressed()
        instances.close_connections(instance, None, "client connection lost")
        self.assertTrue(waits.is_alive())
        for call, values in timers:
            call(*values)
        waits.join(10)
        self.assertFalse(waits.is_alive())

    def test_what_an_instance_does_not_pass_on(self):
        from types import SimpleNamespace

        from vdi_door import instances

        passed, stopped = [], []
        instance = SimpleNamespace(stop=lambda _skipped, why: stopped.append(why))
        client, session = (
            lambda *packet, take=take: take(lambda _self, _proto, said: passed.append(said), instance, None, packet)
            for take in (instances.process_client_packet, instances.process_server_packet)
        )
        client("pointer", 1)
        session("draw", 1)
        self.assertEqual((passed, stopped), ([("pointer", 1), ("draw", 1)], []))
        for broken in ("invalid", b"gibberish"):
            client(broken, "words", b"data")
            session(broken, "words", b"data")
        self.assertEqual((len(passed), len(stopped)), (2, 4))
        # The first one may be a mistake.
        for times in range(3):
            client("hello", {})
            self.assertEqual((len(passed), len(stopped)), (3, 4 + times))
        self.assertEqual(instances.get_proxy_info(instance, None), {})

    def test_a_client_is_told_why_it_has_to_go_before_its_connection_is_closed(self):
        from types import SimpleNamespace

        from vdi_door import compat, instances

        done, timers = [], []

        def side(name):
            said = SimpleNamespace(is_closed=lambda: False, close=lambda: done.append(f"close {name}"))
            said.send_disconnect = lambda words: done.append((f"close {name} with", *words))
            return said

        waiting = SimpleNamespace(put=lambda packet: done.append(packet))
        instance = SimpleNamespace(client_protocol=side("client"), server_protocol=side("session"), vdi_write_queues=())
        instance.client_packets = instance.server_packets = waiting
        instance.queue_client_packet = done.append
        instance.timeout_add = lambda milliseconds, call, *values: timers.append((milliseconds, call, values))
        instances.close_connections(instance, None, "disconnect from server", "new client")
        words = (compat.ConnectionMessage.SERVER_SHUTDOWN.value, "disconnect from server", "new client")
        self.assertEqual(done, [("disconnect", *words), ("close session with", *words)])
        done.clear()
        timers[0][1]()
        self.assertEqual(done[:2], ["close client", "close session"])

    def test_a_client_that_cannot_be_asked_for_a_password_is_told_so_and_not_left(self):
        from vdi_door.authenticator import Authenticator

        self.assertIsNone(Authenticator().get_challenge(("hmac+sha512",)))
        self.assertEqual(Authenticator().get_challenge(("hmac+sha512", "xor"))[1], "xor")
        self.assertEqual(Authenticator().choose_salt_digest(("rot13",)), "xor")
        self.assertEqual(Authenticator().choose_salt_digest(()), "xor")
        self.assertEqual(Authenticator().choose_salt_digest(("xor", "hmac+sha256")), "hmac+sha256")

    def test_what_pam_has_taken_is_not_waited_for_once_more(self):
        from types import SimpleNamespace

        from vdi_door import attach, authenticator
        from vdi_door.identity import User
        from vdi_door.session import NoSession

        now, given, said = [1000.0], [], []

        def with_secret(*_values):
            now[0] += 19.0
            return SimpleNamespace(user=User("alice", 1000, 1000, "/home/alice", "/bin/sh", "", ()))

        def find_session(_broker, _wish, seconds, _wanted):
            given.append(seconds)
            raise NoSession("Please connect again in a moment.", "timed-out")

        door = SimpleNamespace(
            broker=None,
            places=SimpleNamespace(take=lambda *_values: True),
            settings=SimpleNamespace(attach_seconds=25.0),
            sign_in=SimpleNamespace(with_secret=with_secret),
        )
        for owner, name, fake in (
            (attach, "the_door", lambda: door),
            (authenticator, "the_door", lambda: door),
            (attach, "find_session", find_session),
            (attach, "record", lambda *_values, **_fields: None),
            (attach.compat, "on_main_thread", lambda _call, _proto, words: said.append(words)),
            (attach.time, "monotonic", lambda: now[0]),
        ):
            patch = mock.patch.object(owner, name, fake)
            patch.start()
            self.addCleanup(patch.stop)
        asks = authenticator.Authenticator()
        # Whoever types slowly loses nothing.
        now[0] += 60.0
        self.assertTrue(asks.check_password("secret"))
        attach.auth_verified(None, SimpleNamespace(send_disconnect=None), SimpleNamespace(authenticators=[asks]), {}, {})
        self.assertEqual((given, said), ([16.0], ["Please connect again in a moment."]))

    def test_a_native_client_is_refused_no_sooner_than_the_page(self):
        import time
        from types import SimpleNamespace

        from vdi_door import authenticator, limits
        from vdi_door.sign_in import Refused

        door = SimpleNamespace(sign_in=mock.Mock(with_secret=mock.Mock(side_effect=Refused("credentials", "no"))))
        with mock.patch.object(authenticator, "the_door", lambda: door), mock.patch.object(limits, "FAILURE_SECONDS", 0.4):
            before = time.monotonic()
            self.assertFalse(authenticator.Authenticator().check_password("x"))
            self.assertGreaterEqual(time.monotonic() - before, 0.4)

    def test_before_sign_in_only_a_hello_and_a_goodbye_are_taken_from_the_network(self):
        import threading
        from types import SimpleNamespace

        from vdi_door import strangers

        taken, closed = [], []
        server = SimpleNamespace(send_disconnect="send_disconnect")
        patch = mock.patch.object(strangers.compat, "on_main_thread", lambda *call: closed.append(call))
        patch.start()
        self.addCleanup(patch.stop)

        def say(*packet, proto=None):
            given = (lambda *values: taken.append(values[2]), server, proto or SimpleNamespace(), packet)
            thread = threading.Thread(target=strangers.process_packet, args=given)
            thread.start()
            thread.join()

        for packet in (("hello", {}), (b"hello", {}), ("disconnect", "bye")):
            say(*packet)
        self.assertEqual((len(taken), len(closed)), (3, 0))
        for packet in (("hello",), ("hello", 7), ("disconnect",), ("connection-lost",), ("invalid", 1, 2), (["hello"], {}), (None, {})):
            say(*packet)
        self.assertEqual((len(taken), len(closed)), (3, 7))
        # One is hung up on once.
        one = SimpleNamespace()
        for _ in range(2):
            say("connection-lost", proto=one)
        self.assertEqual((len(taken), len(closed)), (3, 8))
        # Xpra's own, on its main thread.
        strangers.process_packet(lambda *given: taken.append(given[2]), server, one, ("connection-lost",))
        self.assertEqual((len(taken), len(closed)), (4, 8))

    def test_who_has_been_silent_for_longest_gives_the_place_to_the_next_one(self):
        from types import SimpleNamespace

        from vdi_door import strangers

        closed = []
        patch = mock.patch.object(strangers.compat, "on_main_thread", lambda call: closed.append(call()))
        patch.start()
        self.addCleanup(patch.stop)
        connections = [SimpleNamespace(is_closed=lambda at=at: at in closed, close=lambda at=at: at) for at in range(8)]
        # Signed in, and waits for a session.
        connections[1].vdi_attached = True
        strangers._make_room(connections, 7)
        self.assertEqual(closed, [])
        strangers._make_room(connections, 5)
        self.assertEqual(closed, [0, 2])
        # One that has not been closed yet gives its place once.
        closed.clear()
        strangers._make_room(connections, 5)
        self.assertEqual(closed, [])
        # The machine with most of them comes first; then they have as many each, and the oldest goes.
        for each in connections[5:]:
            each.vdi_peer = "192.0.2.7"
        strangers._make_room(connections, 3)
        self.assertEqual(closed, [5, 3])

    def test_a_connection_counts_for_the_address_that_it_comes_from(self):
        from types import SimpleNamespace

        from vdi_door import handshake, strangers

        proto = SimpleNamespace(_conn=SimpleNamespace(remote=("192.0.2.7", 1000)), is_closed=lambda: False)
        server = SimpleNamespace(_potential_protocols=[proto])
        door = SimpleNamespace(settings=SimpleNamespace(max_connections=5))
        with mock.patch.object(strangers, "the_door", lambda: door):
            self.assertIs(strangers.do_make_protocol(lambda *_: proto, server), proto)
        self.assertEqual(proto.vdi_peer, "192.0.2.7")
        peers = []
        gone = mock.Mock(**{"getpeername.return_value": ("192.0.2.8", 1000), "do_handshake.side_effect": ConnectionError})
        entered = mock.patch.object(handshake._waiting, "enter", lambda _socket, _most, peer: peers.append(peer))
        with entered, mock.patch.object(handshake, "the_door"), mock.patch.object(handshake, "stay_alive"), self.assertRaises(SystemExit):
            handshake.ssl_handshake(gone)
        self.assertEqual(peers, ["192.0.2.8"])

    def test_no_new_connection_ends_the_listening(self):
        from vdi_door import compat, replaced

        def no_thread(*_values):
            raise RuntimeError("can't start new thread")

        arguments = ("ssl", object(), ("", 1), object(), no_thread, {})
        wrapped = compat.with_callback(arguments, replaced._never_failing)
        self.assertEqual((wrapped[:4], wrapped[5]), (list(arguments[:4]), {}))
        self.assertIs(wrapped[4]("ssl", None), True)
        self.assertIs(replaced._never_failing(lambda *_values: False)("ssl"), False)

    def test_an_attach_asks_no_directory(self):
        import grp
        import pwd
        from types import SimpleNamespace
        from unittest.mock import patch

        from vdi_door import attach, compat, replaced

        replaced.install()
        reached, said = [], []

        def connect_to(description, _options):
            reached.append(description)
            raise OSError("far enough")

        server = SimpleNamespace(_start_sessions=False, send_disconnect=lambda *values: said.append(values))
        session = (20001, 20001, ["tcp://192.0.2.7:14500/"], {}, {"password": "x"})
        failing = {"side_effect": AssertionError("the directory was asked")}
        with (
            patch.object(grp, "getgrall", **failing),
            patch.object(pwd, "getpwuid", **failing),
            patch.object(pwd, "getpwnam", **failing),
            patch.object(compat.proxy_server, "connect_to", connect_to),
            patch.object(compat.proxy_server, "print_nested_dict", lambda *_values, **_options: None),
        ):
            for _ in range(2):
                compat.ProxyServer.proxy_session(server, SimpleNamespace(authenticators=[]), attach.AttachCaps({}), {}, session)
        self.assertEqual([(each["host"], each["port"], each.get("username", "")) for each in reached], [("192.0.2.7", 14500, "")] * 2, said)

    def test_a_missing_name_stops_the_start_in_words(self):
        core = "xpra.server.server_core" if importlib.util.find_spec("xpra.server.server_core") else "xpra.server.core"
        program = os.path.join(ADDON, "vdi-proxy")
        # The last one is missed by compat.py's own import.
        for owner, name in (
            (f"{core}:ServerCore", "auth_verified"),
            ("xpra.scripts.main:", "retry_socket_connect"),
            ("xpra.net.protocol.header:", "LZ4_FLAG"),
        ):
            module, _, attribute = owner.partition(":")
            code = (
                f"import importlib, runpy, sys; owner = importlib.import_module({module!r})\n"
                f"delattr(getattr(owner, {attribute!r}) if {attribute!r} else owner, {name!r})\n"
                f"sys.argv = ['vdi-proxy', 'proxy']; runpy.run_path({program!r}, run_name='__main__')"
            )
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(name, done.stderr)
            self.assertIn("try:", done.stderr)
            self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main()
