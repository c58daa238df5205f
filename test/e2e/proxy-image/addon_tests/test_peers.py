# SPDX-License-Identifier: GPL-2.0-or-later
"""Other sides that are gone without a word: what the kernel is told, on a real connection, and how silence is counted."""

import socket
import unittest
from unittest import mock

from vdi_door import peers
from vdi_door.peers import Watch, stay_alive


class StayAlive(unittest.TestCase):
    def setUp(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.connection = socket.create_connection(listener.getsockname())
            self.other, _ = listener.accept()

    def tearDown(self):
        self.connection.close()
        self.other.close()

    def told(self, option):
        return self.connection.getsockopt(socket.IPPROTO_TCP, option)

    def test_what_is_not_confirmed_ends_the_connection(self):
        stay_alive(self.connection, 180)
        self.assertEqual(self.told(socket.TCP_USER_TIMEOUT), 180_000)
        self.assertEqual(self.told(socket.TCP_KEEPIDLE), 10)

    def test_what_was_lost_is_repeated_every_few_seconds(self):
        try:
            self.told(peers._TCP_RTO_MAX_MS)
        except OSError:
            self.skipTest("a kernel before 6.15 doubles the time between two attempts without a limit")
        stay_alive(self.connection, 180)
        self.assertEqual(self.told(peers._TCP_RTO_MAX_MS), 3000)

    def test_an_older_kernel_is_told_the_rest(self):
        with mock.patch.object(peers, "_TCP_RTO_MAX_MS", 9999):
            stay_alive(self.connection, 180)
        self.assertEqual(self.told(socket.TCP_USER_TIMEOUT), 180_000)

    def test_a_connection_that_is_closed_already_is_nothing_new(self):
        self.connection.close()
        stay_alive(self.connection, 180)


class WatchTest(unittest.TestCase):
    def setUp(self):
        self.now = 100.0
        self.watch = Watch(lambda: self.now)

    def look(self, seconds, received):
        self.now += seconds
        return self.watch.silent_seconds(received)

    def test_silence_grows_until_anything_comes(self):
        self.assertEqual(self.look(5, 10), 0)
        self.assertEqual([self.look(5, 10) for _ in range(3)], [5, 10, 15])
        self.assertEqual(self.look(5, 11), 0)

    def test_whoever_was_held_up_blames_nobody(self):
        self.look(5, 10)
        self.look(5, 10)
        self.assertEqual(self.look(300, 10), 0)
        self.assertEqual(self.look(5, 10), 5)
