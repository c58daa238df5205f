# SPDX-License-Identifier: GPL-2.0-or-later
"""The page's interface with a broker that goes away. PAM, the log and the request are fakes."""

import base64
import io
import json
import os
import tempfile
import threading
import time
import unittest
from types import SimpleNamespace
from unittest import mock

from vdi_door import api, record
from vdi_door.broker import Broker
from vdi_door.identity import User
from vdi_door.pam_client import Answer
from vdi_door.sign_in import SignIn
from vdi_door.ticket import TicketKey, Tickets

ALICE = User("alice", 1000, 1000, "/home/alice", "/bin/sh", "", ())


class Pam:
    """Takes a one-time code."""

    def __init__(self):
        self.asked = 0

    def ask(self, *_question):
        self.asked += 1
        return Answer("ok" if self.asked == 1 else "credentials", known=True, user=ALICE)


class Away(Broker):
    """Is back after so many questions."""

    def __init__(self, times):
        super().__init__("/nowhere/broker.sock")
        self.times = times

    def ask(self, *question):
        self.times -= 1
        return {"types": [{"name": "desktop"}]} if self.times < 0 else super().ask(*question)


class ApiTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        key = os.path.join(directory.name, "key")
        with open(key, "wb") as file:
            file.write(base64.b64encode(b"k" * 48))
        self.pam = Pam()
        self.answers = []
        self.gone = False
        sign_in = SignIn(self.pam, Tickets(TicketKey(key), "vdi", 600, 6000), limit_by_address=True)
        self.door = SimpleNamespace(sign_in=sign_in, service="xpra", broker=None)
        for owner, name, fake in ((api, "the_door", lambda: self.door), (record, "record", lambda *_values, **_fields: None)):
            patch = mock.patch.object(owner, name, fake)
            patch.start()
            self.addCleanup(patch.stop)

    def sign_in(self, broker):
        self.door.broker = broker
        body = json.dumps({"user": "alice", "password": "123456"}).encode()
        self.handler = SimpleNamespace(
            path="/api/v1/sign-in",
            headers={"Content-Length": str(len(body)), "Content-Type": "application/json", "Origin": "https://x"},
            rfile=io.BytesIO(body),
            client_address=("192.0.2.1", 1),
            close_connection=False,
            same_origin=lambda _origin: True,
            has_asked=lambda: None,
            is_gone=lambda: self.gone,
            answer_json=lambda status, value: self.answers.append((status, value)),
        )
        api.Api(self.handler).answer()

    def test_a_broker_that_is_started_anew_costs_no_one_time_code(self):
        self.sign_in(Away(2))
        [(status, answer)] = self.answers
        self.assertEqual((status, answer["user"], answer["types"]), (200, "alice", [{"name": "desktop"}]))
        self.assertEqual(self.pam.asked, 1)

    def test_one_that_stays_away_is_told_in_words_and_in_time(self):
        began = time.monotonic()
        with mock.patch.object(api, "ANSWER_SECONDS", 0.6), self.assertRaises(api.ApiError) as raised:
            self.sign_in(Away(1000))
        self.assertLess(time.monotonic() - began, 9)
        self.assertEqual((raised.exception.status, raised.exception.code), (503, "broker"))
        self.assertIn("cannot be reached at this moment", raised.exception.message)
        self.assertTrue(self.handler.close_connection)

    def test_nobody_is_waited_for_who_has_gone(self):
        timer = threading.Timer(0.1, lambda: setattr(self, "gone", True))
        timer.start()
        self.addCleanup(timer.cancel)
        with self.assertRaises(ConnectionError):
            self.sign_in(Away(1000))
        self.assertEqual(self.answers, [])


if __name__ == "__main__":
    unittest.main()
