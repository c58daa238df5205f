# SPDX-License-Identifier: GPL-2.0-or-later
"""The broker's client, against a server that answers byte by byte, badly, or not at all."""

import os
import socket
import tempfile
import threading
import time
import unittest

from vdi_door.broker import Broker, BrokerAway, BrokerRefused, ClientGone, TimedOut

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"


class BrokerTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.directory.name, "s")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.broker = Broker(self.path)

    def tearDown(self):
        self.listener.close()
        self.directory.cleanup()

    def answer(self, *pieces, wait=0.0):
        def serve():
            connection, _ = self.listener.accept()
            with connection:
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(wait)

        threading.Thread(target=serve, daemon=True).start()

    def test_answer_in_pieces(self):
        self.answer(OK[:10], OK[10:], b'{"a"', b":1}", wait=0.02)
        self.assertEqual(self.broker.ask("/v1/state", {}, 30), {"a": 1})

    def test_events_as_they_come(self):
        self.answer(OK + b'{"event":"pro', b'gress"}\n\n', b'{"event":"ready"}\n', wait=0.1)
        events = self.broker.events("/v1/sessions", {}, time.monotonic() + 30)
        self.assertEqual([event["event"] for event in events], ["progress", "ready"])

    def test_deadline(self):
        self.answer(OK + b'{"event":"progress"}\n', wait=60)
        began = time.monotonic()
        with self.assertRaises(TimedOut):
            list(self.broker.events("/v1/sessions", {}, time.monotonic() + 0.5))
        self.assertLess(time.monotonic() - began, 20)

    def test_client_gone(self):
        self.answer(OK, wait=3)
        with self.assertRaises(ClientGone):
            list(self.broker.events("/v1/sessions", {}, time.monotonic() + 30, lambda: False))

    def test_refusal(self):
        self.answer(b'HTTP/1.1 403 x\r\n\r\n{"error":{"code":6,"reason":"unknown-user","message":"Who?"}}')
        with self.assertRaises(BrokerRefused) as raised:
            self.broker.ask("/v1/types", {}, 30)
        self.assertEqual((raised.exception.code, raised.exception.message), (6, "Who?"))

    def test_nonsense_and_absence(self):
        for pieces in ((b"hello",), (OK + b"not json",), (b"HTTP/1.1 500 x\r\n\r\n{}",), (OK + b"[]",), ()):
            self.answer(*pieces)
            with self.assertRaises(BrokerAway):
                self.broker.ask("/v1/types", {}, 30)
        with self.assertRaises(BrokerAway):
            Broker("/nowhere/broker.sock").ask("/v1/types", {}, 30)

    def test_a_broker_that_goes_away_is_asked_again(self):
        self.answer(OK + b'{"event":"progress","phase":"starting"}\n{"event":"error","reason":"restarting"}\n')
        events = self.broker.patient_events("/v1/sessions", {}, time.monotonic() + 60, lambda: True)
        self.assertEqual(next(events)["phase"], "starting")
        self.assertEqual(next(events)["phase"], "waiting")
        self.answer(OK + b'{"event":"progress","phase":"starting"}\n')
        self.assertEqual(next(events)["phase"], "starting")
        self.assertEqual(next(events)["phase"], "waiting")
        self.answer(OK + b'{"event":"ready"}\n{"event":"progress"}\n')
        # Nothing comes after the answer.
        self.assertEqual([event["event"] for event in events], ["ready"])

    def test_one_question_is_asked_again_as_well(self):
        asked_again = []

        def wanted():
            asked_again.append(True)
            self.answer(OK + b'{"a":1}')
            return True

        self.answer()
        self.assertEqual(self.broker.patient_ask("/v1/types", {}, 30, wanted), {"a": 1})
        self.assertEqual(len(asked_again), 1)
        self.answer(b'HTTP/1.1 403 x\r\n\r\n{"error":{"code":6,"reason":"unknown-user","message":"Who?"}}')
        with self.assertRaises(BrokerRefused):
            self.broker.patient_ask("/v1/types", {}, 30, wanted)
        self.assertEqual(len(asked_again), 1)

    def test_patience_ends_at_the_deadline_and_with_the_client(self):
        away = Broker("/nowhere/broker.sock")
        with self.assertRaises(BrokerAway):
            away.patient_ask("/v1/types", {}, 0.6, lambda: True)
        with self.assertRaises(ClientGone):
            away.patient_ask("/v1/types", {}, 60, lambda: False)
        with self.assertRaises(BrokerAway):
            list(away.patient_events("/v1/sessions", {}, time.monotonic() + 0.6, lambda: True))
        with self.assertRaises(ClientGone):
            list(away.patient_events("/v1/sessions", {}, time.monotonic() + 60, lambda: False))

    def test_endless_line(self):
        self.answer(OK, b"x" * 200_000)
        with self.assertRaises(BrokerAway):
            list(self.broker.events("/v1/sessions", {}, time.monotonic() + 30))


if __name__ == "__main__":
    unittest.main()
