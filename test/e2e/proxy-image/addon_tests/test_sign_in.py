# SPDX-License-Identifier: GPL-2.0-or-later
"""What is counted as an attempt to sign in, and what gets a line in the log. PAM and the log are fakes."""

import os
import tempfile
import time
import unittest
from unittest import mock

from vdi_door import limits, record
from vdi_door.identity import User
from vdi_door.pam_client import Answer
from vdi_door.sign_in import Refused, SignIn
from vdi_door.ticket import TicketKey, Tickets


ALICE = User("alice", 1000, 1000, "/home/alice", "/bin/sh", "", ())


class Pam:
    """Knows nobody, unless it is told another answer."""

    def __init__(self):
        self.asked = 0
        self.answer = Answer("credentials")

    def ask(self, *_question):
        self.asked += 1
        return self.answer


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

    def test_all_spellings_of_a_name_have_their_attempts_together(self):
        self.pam.answer = Answer("credentials", known=True, user=ALICE)
        codes = [self.attempt(name) for name in ("alice", "Alice", "ALICE", "aLICE") * 3]
        self.assertEqual(codes, ["credentials"] * 6 + ["too-many"] * 6)

    def test_the_log_has_the_name_that_the_directory_has(self):
        for outcome in ("credentials", "expired", "busy", "unavailable: no answer in time"):
            self.pam.answer = Answer(outcome, known=True, user=ALICE)
            self.attempt(f"ALICE@dom-{outcome}")
        self.pam.answer = Answer("ok", known=True, user=ALICE)
        self.sign_in.with_password("xpra", "ALICE@dom", "x", "192.0.2.1", "page")
        self.assertEqual(
            [(outcome, fields["user"], fields["known"]) for outcome, fields in self.lines],
            [(outcome, "alice", True) for outcome in ("credentials", "account", "busy", "unavailable", "ok")],
        )

    def test_a_name_of_which_the_directory_has_not_said_whose_it_is_stays_as_it_was_typed(self):
        for known in (True, False):
            self.pam.answer = Answer("credentials", known=known)
            self.attempt("Alice")
        self.assertEqual([(fields["user"], fields["known"]) for _, fields in self.lines], [("Alice", True), ("Alice", False)])

    def test_new_names_from_a_limited_address_get_no_line_each(self):
        codes = [self.attempt(f"name-{number}") for number in range(2000)]
        self.assertGreater(codes.count("too-many"), 1000)
        self.assertLess(len([outcome for outcome, _ in self.lines if outcome == "too-many"]), 10)

    def test_made_up_tickets_get_no_line_each(self):
        for _ in range(100):
            with self.assertRaises(Refused):
                self.sign_in.with_secret("xpra", "alice", "vdi1.x.y", "192.0.2.1")
        self.assertEqual([(outcome, fields["reason"], fields["times"]) for outcome, fields in self.lines], [("credentials", "ticket", 1)])


class RefusalTest(unittest.TestCase):
    def test_a_refused_password_takes_the_same_time_whatever_pam_took(self):
        with mock.patch.object(limits, "FAILURE_SECONDS", 0.3):
            for spent in (0, 0.2, 0.4):
                began = time.monotonic() - spent
                limits.wait_to_refuse("credentials", began)
                self.assertGreaterEqual(time.monotonic() - began, 0.3)
            before = time.monotonic()
            limits.wait_to_refuse("too-many", before)
            self.assertLess(time.monotonic() - before, 0.2)


if __name__ == "__main__":
    unittest.main()
