# SPDX-License-Identifier: GPL-2.0-or-later
"""The door's parts that need neither Xpra nor a network. Run in the proxy's image by proxy-image.test.ts."""

import base64
import json
import logging
import os
import socket
import sys
import tempfile
import time
import unittest
from datetime import UTC, datetime
from unittest import mock

from vdi_door import log_lines
from vdi_door.hello import asked_display, only_existing, other_than_attach, without_orders
from vdi_door.limits import FailureLimit
from vdi_door.log_lines import Prose, Rate, prose
from vdi_door.places import Places
from vdi_door.record import Sparsely, line
from vdi_door.session import Prepared, Target, connect, parse_target, time_left
from vdi_door.settings import SettingsError, read_settings
from vdi_door.ticket import TicketError, TicketKey, Tickets, is_ticket
from vdi_door.www import Site


class Hello(unittest.TestCase):
    def test_coming_back(self):
        self.assertTrue(only_existing({"vdi-existing": True}))
        for hello in ({}, {"vdi-existing": False}, {"vdi-existing": 0}):
            self.assertFalse(only_existing(hello), hello)
        self.assertNotIn("vdi-existing", without_orders({"vdi-existing": True}, "alice"))

    def test_display_of_all_generations_of_clients(self):
        for hello, display in (
            ({"display": "desktop"}, "desktop"),
            ({"display": b"desktop"}, "desktop"),
            ({"display": {"desktop-size": [1, 2]}, "session": {"display": "desktop"}}, "desktop"),
            ({"display": {"desktop-size": [1, 2]}, "session": {}}, ""),
            ({"display": "old", "session": {"display": "new"}}, "new"),
            ({"session": "text"}, ""),
            ({}, ""),
            ({"display": 7}, ""),
            ({"display": "x" * 1000}, "x" * 256),
        ):
            self.assertEqual(asked_display(hello), display, hello)

    def test_anything_but_an_attach_is_named(self):
        for hello, wish in (
            ({}, None),
            ({"display": "desktop", "windows": True}, None),
            ({"request": ""}, None),
            ({"info_request": False}, None),
            ({"request": "info"}, "info"),
            ({"request": b"stop"}, "stop"),
            ({"screenshot_request": True}, "screenshot"),
            ({"command_request": ["debug"]}, "control"),
            ({"connect": False}, "start"),
            ({"connect": True}, None),
            ({"connect_test_request": "x"}, "connect_test"),
        ):
            self.assertEqual(other_than_attach(hello), wish, hello)

    def test_no_order_goes_on(self):
        hello = {
            "display": "desktop", "start-new-session": {"mode": "seamless"}, "command_request": ["x"], "request": "x", "connect": True,
            "info_request": False, "username": "Somebody", "windows": True, "session": {"display": "desktop"},
        }
        self.assertEqual(without_orders(hello, "alice"), {"username": "alice", "windows": True, "session": {"display": "desktop"}})

    def test_facts_about_the_screen_go_on(self):
        facts = {"desktop-size": [1, 2]}
        self.assertEqual(without_orders({"display": facts}, "alice")["display"], facts)


class ProseTest(unittest.TestCase):
    def test_no_line_of_prose_begins_like_a_record(self):
        record = '{"time":"x","event":"sign-in"}'
        for end in ("\n", "\r", "\r\n", "\v", "\f", "\x85", "\u2028", "\n ", "\n\t\n"):
            for said in prose(f"packet x{end}{record}").splitlines():
                self.assertFalse(said.strip().startswith("{"), repr(end))
        self.assertEqual(prose(record), "| " + record)
        for text in ("", "a {b}", "a\nb {c}", '"{"'):
            self.assertEqual(prose(text), text)

    def test_the_same_for_a_traceback(self):
        try:
            raise ValueError('x\n{"time":1}')
        except ValueError:
            entry = logging.LogRecord("x", logging.ERROR, "x", 1, "said %s", ('y\n{"time":2}',), sys.exc_info())
        text = Prose("%(message)s").format(entry)
        self.assertIn('\n| {"time":1}', text)
        self.assertIn('\n| {"time":2}', text)
        self.assertNotIn("\n{", text)


    def test_what_is_too_long_is_cut(self):
        for text in ("x" * 1_000_000, ("x" * 10_000 + '{"time":"x"}\n') * 3, "{" * 5000, "\n" * 1_000_000, "\n {" * 100_000):
            shown = prose(text).splitlines()
            self.assertLessEqual(max(map(len, shown)), 4002)
            self.assertLessEqual(len(shown), 201)
            self.assertEqual([line for line in shown if line.strip().startswith("{")], [])
        self.assertEqual(prose("x" * 4000), "x" * 4000)

    def test_so_many_lines_in_a_second_and_how_many_were_left_out(self):
        now = [0.0]
        rate = Rate(lambda: now[0])
        # An entry of many lines is written as a whole, and the next ones wait for it.
        written = [rate.written("x\n" * 10) for _ in range(1000) if rate.may_write()]
        self.assertEqual(written, [0] * 100)
        now[0] = 0.5
        self.assertTrue(rate.may_write())
        self.assertEqual([rate.written("x"), rate.written("x")], [900, 0])
        self.assertEqual(len([rate.written("x") for _ in range(100) if rate.may_write()]), 23)
        now[0] = 1000.0
        self.assertEqual(len([rate.written("x") for _ in range(5000) if rate.may_write()]), 1000)

    def test_a_flood_of_prose_says_what_it_left_out(self):
        now, lines = [0.0], []
        handler = logging.Handler()
        handler.emit = lambda entry: lines.extend(Prose("%(message)s").format(entry).splitlines())
        logger = logging.Logger("flood")
        logger.addHandler(handler)
        logger.propagate = False
        with mock.patch.object(log_lines, "_rate", Rate(lambda: now[0])):
            with mock.patch.object(logging.Logger, "callHandlers", log_lines._sparing(logging.Logger.callHandlers)):
                for number in range(3000):
                    logger.warning("noise %i", number)
                now[0] = 1.0
                logger.warning("heard")
        self.assertEqual(len(lines), 1002)
        self.assertEqual(lines[-2:], ["2000 entries of this log were left out here: there were too many", "heard"])


class TicketTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.directory.name, "key")
        self.write(b"k" * 48)
        self.tickets = Tickets(TicketKey(self.path), "here", 600, 3600)

    def tearDown(self):
        self.directory.cleanup()

    def write(self, key):
        with open(self.path, "wb") as file:
            file.write(base64.b64encode(key))

    def test_round_trip(self):
        text, ticket = self.tickets.issue("alice", 1000.0)
        self.assertTrue(is_ticket(text))
        self.assertEqual(ticket.expires, 1600.0)
        self.assertEqual(self.tickets.check(text, 1599.0).user, "alice")

    def test_names_of_any_script(self):
        text, _ = self.tickets.issue("Jörg@dömäne.example", 1000.0)
        self.assertEqual(self.tickets.check(text, 1001.0).user, "Jörg@dömäne.example")

    def test_end(self):
        text, _ = self.tickets.issue("alice", 1000.0)
        with self.assertRaises(TicketError):
            self.tickets.check(text, 1600.0)

    def test_renewal_has_an_end_of_its_own(self):
        text, ticket = self.tickets.issue("alice", 4500.0, signed_in=1000.0)
        self.assertEqual(ticket.expires, 4600.0)
        with self.assertRaises(TicketError):
            self.tickets.check(text, 4600.0)

    def test_ended_one_is_renewed_as_long_as_the_sign_in_holds(self):
        text, _ = self.tickets.issue("alice", 1000.0)
        self.assertEqual(self.tickets.check(text, 4599.0, to_renew=True).signed_in, 1000.0)
        with self.assertRaises(TicketError):
            self.tickets.check(text, 4600.0, to_renew=True)

    def test_every_changed_letter_is_noticed(self):
        text, _ = self.tickets.issue("alice", 1000.0)
        for place in range(len(text)):
            for letter in "Ab.é":
                forged = text[:place] + letter + text[place + 1 :]
                # The last letter of base64 has bits that mean nothing.
                if forged == text or place == len(text) - 1:
                    continue
                with self.assertRaises(TicketError, msg=f"{place} {letter}"):
                    self.tickets.check(forged, 1001.0)

    def test_nonsense(self):
        for text in ("", "vdi1.", "vdi1..", "vdi1.AAAA", "vdi1.AAAA.AAAA", "x" * 5000, "vdi1." + "A" * 3000):
            with self.assertRaises(TicketError):
                self.tickets.check(text, 1.0)

    def test_another_audience_or_key(self):
        text, _ = Tickets(TicketKey(self.path), "there", 600, 3600).issue("alice", 1000.0)
        with self.assertRaises(TicketError):
            self.tickets.check(text, 1001.0)
        text, _ = self.tickets.issue("alice", 1000.0)
        self.write(b"j" * 48)
        os.utime(self.path, ns=(1, 1))
        with self.assertRaises(TicketError):
            self.tickets.check(text, 1001.0)

    def test_ends_with_the_password_it_was_given_for(self):
        text, _ = self.tickets.issue("alice", 1000.0, None, "stamp")
        ticket = self.tickets.check(text, 1001.0)
        self.assertTrue(self.tickets.fits(ticket, "stamp"))
        self.assertFalse(self.tickets.fits(ticket, "another"))
        self.assertNotIn("stamp", text)
        renewed = self.tickets.check(self.tickets.issue("alice", 1100.0, ticket.signed_in, "stamp")[0], 1101.0)
        self.assertEqual(renewed.password, ticket.password)
        self.assertNotEqual(self.tickets.check(self.tickets.issue("bob", 1100.0, None, "stamp")[0], 1101.0).password, ticket.password)

    def test_short_key(self):
        self.write(b"short")
        with self.assertRaises(ValueError):
            Tickets(TicketKey(self.path), "here", 600, 3600).issue("alice", 1.0)


class Limits(unittest.TestCase):
    def test_burst_then_one_at_a_time(self):
        now = [0.0]
        limit = FailureLimit(2, 10.0, lambda: now[0])
        self.assertEqual([limit.take("a") for _ in range(3)], [0, 0, 10.0])
        self.assertEqual(limit.take("b"), 0)
        now[0] = 10.0
        self.assertEqual(limit.take("a"), 0)
        self.assertGreater(limit.take("a"), 0)
        limit.succeeded("a")
        self.assertEqual(limit.take("a"), 0)

    def test_what_was_no_wrong_password_costs_nothing(self):
        limit = FailureLimit(2, 10.0, lambda: 0.0)
        for _ in range(50):
            self.assertEqual(limit.take("a"), 0)
            limit.give_back("a")
        self.assertEqual([limit.take("a") for _ in range(3)], [0, 0, 10.0])

    def test_giving_back_makes_no_more_than_there_were(self):
        limit = FailureLimit(1, 10.0, lambda: 0.0)
        limit.give_back("a")
        limit.give_back("a")
        self.assertEqual([limit.take("a") for _ in range(2)], [0, 10.0])


class Record(unittest.TestCase):
    def test_line(self):
        now = datetime(2026, 11, 25, 18, 0, 0, 123456, tzinfo=UTC)
        text = line("sign-in", now, {"user": "jörg\n", "outcome": "ok", "reason": None, "address": "x" * 1000})
        self.assertTrue(text.startswith(b'{"time":"2026-11-25T18:00:00.123Z","event":"sign-in",'), text)
        self.assertEqual(text.count(b"\n"), 1)
        self.assertEqual(json.loads(text)["user"], "jörg\n")
        self.assertEqual(len(json.loads(text)["address"]), 300)
        self.assertNotIn("reason", json.loads(text))

    def test_a_flood_is_told_of_now_and_then(self):
        now = [0.0]
        sparsely = Sparsely(10.0, lambda: now[0])
        self.assertEqual([sparsely.times("a") for _ in range(4)], [1, 0, 0, 0])
        self.assertEqual(sparsely.times("b"), 1)
        now[0] = 10.0
        self.assertEqual(sparsely.times("a"), 4)


class PlacesTest(unittest.TestCase):
    class Connection:
        def __init__(self):
            self.closed = False

        def is_closed(self):
            return self.closed

    def test_as_many_as_there_are(self):
        places = Places(2)
        one, two, three = self.Connection(), self.Connection(), self.Connection()
        self.assertTrue(places.take(one, "a"))
        self.assertTrue(places.take(two, "b"))
        self.assertFalse(places.has_room("c"))
        self.assertFalse(places.take(three, "c"))
        two.closed = True
        self.assertTrue(places.take(three, "c"))

    def test_who_comes_back_finds_a_place(self):
        places = Places(1)
        self.assertTrue(places.take(self.Connection(), "a"))
        self.assertTrue(places.take(self.Connection(), "a"))
        self.assertFalse(places.take(self.Connection(), "a"))
        self.assertFalse(places.take(self.Connection(), "b"))

    def test_one_name_gets_its_share_and_no_more(self):
        for most, share in ((10, 10), (20, 16), (472, 118)):
            places = Places(most)
            self.assertEqual(sum(places.take(self.Connection(), "a") for _ in range(share)), share)
            self.assertFalse(places.has_room("a"))
            self.assertFalse(places.take(self.Connection(), "a"))
            self.assertEqual(places.take(self.Connection(), "b"), share < most)

    def test_no_limit(self):
        places = Places(0)
        self.assertTrue(all(places.take(self.Connection(), "a") for _ in range(500)))


class TargetTest(unittest.TestCase):
    def test_taken_apart(self):
        target = parse_target("tcp://al%40x:s3cret@10.1.2.3:14500/", "alice")
        self.assertEqual((target.host, target.port, target.username, target.password), ("10.1.2.3", 14500, "al@x", "s3cret"))
        self.assertEqual(target.display(), "tcp://10.1.2.3:14500/")
        self.assertEqual(parse_target("tcp://[fd00::1]:14500/", "alice").display(), "tcp://[fd00::1]:14500/")

    def test_the_secret_is_in_no_text_of_it(self):
        target = parse_target("tcp://alice:s3cret@10.1.2.3:14500/", "alice")
        self.assertNotIn("s3cret", f"{target} {target!r} {target.display()}")

    def test_nothing_else_is_an_address(self):
        for display in ("", "10.1.2.3", "ssh://u:s3cret@h:22/", "socket:///run/x", "tcp://host/", "tcp://:14500/", "tcp://u:s3cret@h:x/", ":10"):
            with self.assertRaises(ValueError) as raised:
                parse_target(display, "alice")
            self.assertNotIn("s3cret", str(raised.exception))

    def test_prepared_connections_are_taken_once(self):
        prepared = Prepared()
        target = Target("h", 1, "u", "p")
        prepared.put(target, "one")
        prepared.put(target, "two")
        self.assertEqual([prepared.take("h", 1) for _ in range(3)], ["one", "two", None])


class Connect(unittest.TestCase):
    def test_a_connection_that_is_none_is_tried_again(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            target = Target(*listener.getsockname(), "alice", "s3cret")
            real = socket.create_connection(listener.getsockname())
            # As it was seen once in 228 times at an address that nobody has: no error, and nothing at the other side.
            none = socket.socket()
            with mock.patch.object(socket, "create_connection", side_effect=[none, real]):
                self.assertIs(connect(target, time.monotonic() + 30, lambda: True), real)
            self.assertEqual(none.fileno(), -1)
            real.close()


class TimeLeft(unittest.TestCase):
    def test_a_slow_directory_takes_it_from_the_session_and_not_from_the_words(self):
        pam_seconds = read_settings({}).pam_seconds
        self.assertEqual(time_left(25.0, 0.1), 25.0)
        self.assertLessEqual(pam_seconds + time_left(25.0, pam_seconds), 35.0)
        # The broker gets some time in any case, and never more than it is said to get.
        self.assertEqual([time_left(25.0, 100.0), time_left(2.0, 100.0)], [5.0, 2.0])


class SettingsTest(unittest.TestCase):
    def test_defaults_and_words(self):
        self.assertEqual(read_settings({}).attach_seconds, 25.0)
        for name, value in (("VDI_TICKET_SECONDS", "soon"), ("VDI_TICKET_SECONDS", "1"), ("XPRA_MAX_CLIENTS", "-1")):
            with self.assertRaisesRegex(SettingsError, name):
                read_settings({name: value})


class SiteTest(unittest.TestCase):
    def test_files(self):
        with tempfile.TemporaryDirectory() as root:
            for name, content in (("index.html", "page"), ("app-ABCDEFGH.js", "js"), ("app-ABCDEFGH.js.br", "br"), ("secret.key", "no")):
                with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                    file.write(content)
            site = Site(root)
            self.assertEqual(site.find("/").bodies["identity"], b"page")
            self.assertIs(site.find("/mhd-desktop-index.html"), site.find("/"))
            self.assertEqual(site.find("/app-ABCDEFGH.js").best("gzip, br;q=0.9"), ("br", b"br"))
            self.assertEqual(site.find("/app-ABCDEFGH.js").best("br;q=0"), ("identity", b"js"))
            self.assertIn("immutable", site.find("/app-ABCDEFGH.js").cache)
            for path in ("/secret.key", "/../etc/passwd", "/x", "/a/b.html", ""):
                self.assertIsNone(site.find(path), path)


if __name__ == "__main__":
    unittest.main()
