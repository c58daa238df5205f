# SPDX-License-Identifier: GPL-2.0-or-later
"""How long the other side of an answer may take, and who gives way to whom. Needs no Xpra; the sockets are real."""

import errno
import select
import socket
import threading
import time
import unittest
from unittest import mock

from vdi_door import transfer
from vdi_door.transfer import Sent
from vdi_door.waiting import Waiting, giving_way, peer_of


class Pair(unittest.TestCase):
    def pair(self):
        """A client that takes little at once, and the door's side of it."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(listener.getsockname())
            accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        accepted.settimeout(transfer.IDLE_SECONDS)
        for each in (client, accepted):
            self.addCleanup(each.close)
        client.settimeout(10)
        return client, accepted


class SentTest(Pair):
    def reading(self, client, size, pause):
        received = bytearray()

        def read():
            try:
                while data := client.recv(size):
                    received.extend(data)
                    time.sleep(pause)
            except OSError as error:
                received.extend(str(error.errno).encode())

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread, received

    def test_a_reader_that_always_takes_a_little_ends_with_the_time_for_the_whole(self):
        client, ours = self.pair()
        with mock.patch.object(transfer, "ANSWER_SECONDS", 0.5), mock.patch.object(transfer, "LEAST_BYTES_A_SECOND", 1_000_000):
            thread, _ = self.reading(client, 1000, 0.05)
            before = time.monotonic()
            with self.assertRaises(TimeoutError):
                Sent(ours).write(bytes(5_000_000))
        self.assertLess(time.monotonic() - before, 10)
        self.assertEqual(ours.gettimeout(), transfer.IDLE_SECONDS)
        ours.close()
        thread.join(10)
        self.assertFalse(thread.is_alive())

    def test_a_slow_line_that_goes_on_gets_everything(self):
        client, ours = self.pair()
        with mock.patch.object(transfer, "ANSWER_SECONDS", 0.2), mock.patch.object(transfer, "LEAST_BYTES_A_SECOND", 10_000):
            thread, received = self.reading(client, 2000, 0.02)
            before = time.monotonic()
            self.assertEqual(Sent(ours).write(b"x" * 40_000), 40_000)
        self.assertGreater(time.monotonic() - before, 0.2)
        ours.close()
        thread.join(10)
        self.assertEqual(bytes(received), b"x" * 40_000)

    def test_an_answer_may_be_long_in_the_making(self):
        client, ours = self.pair()
        with mock.patch.object(transfer, "ANSWER_SECONDS", 0.1):
            sent = Sent(ours)
            for _ in range(4):
                sent.write(b"line")
                time.sleep(0.05)
        self.assertEqual(client.recv(100), b"line" * 4)

    def test_the_next_answer_has_the_whole_time_again(self):
        _client, ours = self.pair()
        with mock.patch.object(transfer, "ANSWER_SECONDS", 0.2):
            sent = Sent(ours)
            for _ in range(2):
                sent.next_answer()
                before = time.monotonic()
                with self.assertRaises(TimeoutError):
                    sent.write(bytes(1_000_000))
                self.assertGreater(time.monotonic() - before, 0.15)

    def test_nothing_is_kept_for_whom_it_was_given_up(self):
        client, ours = self.pair()
        with mock.patch.object(transfer, "ANSWER_SECONDS", 0.2), self.assertRaises(TimeoutError):
            Sent(ours).write(bytes(1_000_000))
        ours.close()
        with self.assertRaises(ConnectionResetError) as reset:
            while client.recv(65536):
                pass
        self.assertEqual(reset.exception.errno, errno.ECONNRESET)


class WaitingTest(Pair):
    def gone(self, connection):
        poll = select.poll()
        poll.register(connection, select.POLLRDHUP)
        return bool(poll.poll(0))

    def test_the_oldest_gives_way_also_in_the_midst_of_an_answer(self):
        places = Waiting()
        sides = [self.pair()[1] for _ in range(3)]
        errors = []

        def answer():
            try:
                Sent(sides[0]).write(bytes(1_000_000))
            except OSError as error:
                errors.append(error)

        places.enter(sides[0], 2)
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        time.sleep(0.1)
        places.enter(sides[1], 2)
        self.assertTrue(thread.is_alive())
        places.enter(sides[2], 2)
        thread.join(5)
        self.assertFalse(thread.is_alive())
        self.assertNotIsInstance(errors[0], TimeoutError)
        self.assertEqual([self.gone(each) for each in sides], [True, False, False])

    def test_a_machine_with_many_connections_gives_way_to_itself(self):
        places = Waiting()
        quiet, many = self.pair()[1], [self.pair()[1] for _ in range(6)]
        places.enter(quiet, 3, peer="192.0.2.1")
        for each in many:
            places.enter(each, 3, peer="192.0.2.2")
        self.assertEqual([self.gone(each) for each in (quiet, *many)], [False, True, True, True, True, False, False])

    def test_the_oldest_of_those_with_most_places_go_first(self):
        taken = [("a1", "a"), ("b1", "b"), ("c1", "c"), ("b2", "b"), ("c2", "c"), ("b3", "b")]
        self.assertEqual(giving_way(taken, 6), [])
        self.assertEqual(giving_way(taken, 3), ["b1", "c1", "b2"])

    def test_an_address_of_ipv6_stands_for_its_network(self):
        remotes = [("192.0.2.1", 5), ("::ffff:192.0.2.1", 5, 0, 0), ("2001:db8:1:2:3::4", 5, 0, 0), ("2001:db8:1:2::9", 5, 0, 0), "", None, ("x",)]
        self.assertEqual([peer_of(each) for each in remotes], ["192.0.2.1", "192.0.2.1", "2001:db8:1:2::", "2001:db8:1:2::", "", "", ""])

    def test_one_name_takes_no_place_from_another(self):
        places = Waiting()
        alice, bob = [self.pair()[1] for _ in range(4)], self.pair()[1]
        self.assertEqual(places.enter(bob, 3, "bob"), 1)
        self.assertEqual([places.enter(each, 3, "alice") for each in alice], [2, 3, 4, 4])
        self.assertEqual([self.gone(each) for each in (*alice, bob)], [True, False, False, False, False])
        for each in alice:
            places.leave(each, "alice")
        places.leave(bob, "bob")
        places.leave(bob, "bob")
        self.assertEqual(places._connections, {})


if __name__ == "__main__":
    unittest.main()
