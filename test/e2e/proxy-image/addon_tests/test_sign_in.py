# SPDX-License-Identifier: GPL-2.0-or-later
"""What is counted as an attempt to sign in, and what gets a line in the log. PAM and the log are fakes."""

import os
import tempfile
import unittest
from unittest import mock

from vdi_door import record
from vdi_door.pam_client import Answer
from vdi_door.sign_in import Refused, SignIn
from vdi_door.ticket import TicketKey, Tickets


class Pam:
    """Knows nobody."""

    def __init__(self):
        self.asked = 0

    def ask(self, *_question):
        self.asked += 1
        return Answer("credentials")


class SignInTest(unittest.TestCase):
    def setUp(self):
        self.pam = Pam()
        tickets = Tickets(TicketKey(os.path.join(tempfile.gettempdir(), "no-key")), "vdi", 600, 6000)
        self.sign_in = SignIn(self.pam, tickets, limit_by_address=True)
        self.lines = []
        patch = mock.patch.object(record, "sign_in", lambda outcome, **fields: self.lines.append((outcome, fields)))
        patch.start()
        self.addCleanup(patch.stop)

    def attempt(self, name, password="x"):
        with self.assertRaises(Refused) as refused:
            self.sign_in.with_password("xpra", name, password, "192.0.2.1", "page")
        return refused.exception.code

    def test_half_a_character_is_a_wrong_password_like_any_other(self):
        for name, password in (("\ud800", "x"), ("alice", "\udfff")):
            codes = [self.attempt(name, password) for _ in range(10)]
            self.assertEqual(codes, ["credentials"] * 6 + ["too-many"] * 4)
        self.assertEqual(self.pam.asked, 0)

    def test_new_names_from_a_limited_address_get_no_line_each(self):
        codes = [self.attempt(f"name-{number}") for number in range(2000)]
        self.assertGreater(codes.count("too-many"), 1000)
        self.assertLess(len([outcome for outcome, _ in self.lines if outcome == "too-many"]), 10)


if __name__ == "__main__":
    unittest.main()
