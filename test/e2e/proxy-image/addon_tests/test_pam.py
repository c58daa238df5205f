# SPDX-License-Identifier: GPL-2.0-or-later
"""The PAM helper with real PAM and a fake module: what hangs holds up nobody, and whatever dies is not waited for.

Makes a PAM service of its own, so it runs as root in a container that can be written to.
"""

import os
import signal
import socket
import threading
import time
import unittest
from unittest import mock

from vdi_door import pam_helper
from vdi_door.pam_client import PamClient

SERVICE = "vdi-test"
SCRIPT = "/tmp/fake-pam"
# pam_exec alone would answer "system error" for a script that says no.
PAM = f"""auth [success=1 default=ignore] pam_exec.so quiet expose_authtok {SCRIPT}
auth requisite pam_deny.so
auth required pam_permit.so
account required pam_permit.so
"""
# By the password, as all attempts are those of accounts that every image has.
FAKE = """#!/bin/sh
case $(tr -d '\\0') in
  right) exit 0 ;;
  hang*) exec sleep 300 ;;
  slow) sleep 0.2; exit 0 ;;
  slower) sleep 6; exit 0 ;;
  die) kill -9 $PPID; exit 1 ;;
esac
exit 1
"""


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


class Pam(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(f"/etc/pam.d/{SERVICE}", "w", encoding="ascii") as file:
            file.write(PAM)
        with open(SCRIPT, "w", encoding="ascii") as file:
            file.write(FAKE)
        os.chmod(SCRIPT, 0o755)

    def setUp(self):
        self.client = PamClient(8.0)
        self.client.start()

    def tearDown(self):
        self.client.stop()

    def restart(self, seconds):
        self.client.stop()
        self.client = PamClient(seconds)
        self.client.start()

    def ask(self, password, user="daemon"):
        return self.client.ask(SERVICE, user, password, "192.0.2.1")

    def at_once(self, password, count):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.ask(password).outcome)) for _ in range(count)]
        for thread in threads:
            thread.start()
        return threads, answers

    def helper(self):
        return self.client._process.pid

    def wait_for(self, condition, what):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.02)

    def test_answers(self):
        right = self.ask("right")
        self.assertEqual((right.outcome, right.known, right.user.name, right.user.uid), ("ok", True, "daemon", 1))
        self.assertEqual(self.ask("wrong").outcome, "credentials")
        nobody = self.ask("wrong", "nobody-of-that-name")
        self.assertEqual((nobody.outcome, nobody.known, nobody.user), ("credentials", False, None))
        self.assertEqual(self.ask("right", "root").outcome, "system")
        self.assertEqual(self.ask(None).outcome, "ok")
        self.assertEqual(self.ask(None, "nobody-of-that-name").outcome, "unknown")

    def test_more_that_hang_than_there_are_places_hold_up_nobody_and_end_by_themselves(self):
        self.restart(40.0)
        threads, answers = self.at_once("hang", pam_helper.AT_ONCE)
        self.wait_for(lambda: len(children_of(self.helper())) == pam_helper.AT_ONCE, "not all began")
        self.assertEqual([self.ask("right").outcome for _ in range(5)], ["ok"] * 5)
        for thread in threads:
            thread.join(90)
        # One place is enough for all five, one after the other, unless the next comes before the last one's process has ended.
        gave_way = answers.count("busy")
        self.assertTrue(1 <= gave_way <= 5, gave_way)
        self.assertEqual(answers.count("unavailable: no answer in time"), pam_helper.AT_ONCE - gave_way)
        # With everything that they had started.
        self.wait_for(lambda: not children_of(self.helper()), "something was left behind")

    def test_more_at_once_than_there_are_places_all_get_their_turn(self):
        self.restart(60.0)
        threads, answers = self.at_once("slow", pam_helper.AT_ONCE + 30)
        for thread in threads:
            thread.join(90)
        self.assertEqual(answers, ["ok"] * (pam_helper.AT_ONCE + 30))

    def test_an_attempt_whose_process_dies_is_not_waited_for(self):
        self.assertEqual(self.ask("die").outcome, "unavailable: the attempt's process ended")
        self.assertEqual(self.ask("right").outcome, "ok")

    def test_an_attempt_for_which_there_is_no_process_is_told_so_and_the_helper_goes_on(self):
        asked, other = socket.socketpair()
        control, kept = socket.socketpair()
        # It takes the signals of the process that it is in.
        self.addCleanup(signal.signal, signal.SIGCHLD, signal.getsignal(signal.SIGCHLD))
        self.addCleanup(signal.set_wakeup_fd, -1)
        helper = pam_helper.Helper(control, 5.0)
        for end in (asked, control, kept, helper._woken, helper._wake):
            self.addCleanup(end.close)
        helper._waiting.append((time.monotonic(), other))
        with mock.patch.object(pam_helper.os, "fork", side_effect=BlockingIOError("no more processes")):
            helper._begin_waiting()
        self.assertIn(b"busy", asked.recv(1000))
        self.assertEqual((len(helper._running), len(helper._waiting)), (0, 0))

    def test_a_killed_helper_is_started_again(self):
        self.restart(30.0)
        threads, answers = self.at_once("slower", 5)
        self.wait_for(lambda: len(children_of(self.helper())) == 5, "not all began")
        os.kill(self.helper(), signal.SIGKILL)
        self.assertEqual([self.ask("right").outcome for _ in range(3)], ["ok"] * 3)
        for thread in threads:
            thread.join(20)
        # They had processes of their own.
        self.assertEqual(answers, ["ok"] * 5)

    def test_a_stopped_helper_is_replaced_before_the_deadline(self):
        self.restart(60.0)
        stopped = self.helper()
        os.kill(stopped, signal.SIGSTOP)
        threads, answers = self.at_once("right", 20)
        for thread in threads:
            thread.join(30)
        self.assertEqual(answers, ["ok"] * 20)
        self.assertNotEqual(self.helper(), stopped)

    def test_whether_there_is_such_an_account_is_known_while_pam_hangs(self):
        self.restart(5.0)
        answer = self.ask("hang")
        self.assertEqual((answer.outcome, answer.known, answer.user.name), ("unavailable: no answer in time", True, "daemon"))
        self.assertFalse(self.ask("hang", "nobody-of-that-name").known)


if __name__ == "__main__":
    unittest.main()
