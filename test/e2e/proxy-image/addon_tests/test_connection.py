# SPDX-License-Identifier: GPL-2.0-or-later
"""A connection that several threads use: with real TLS over real sockets, in Xpra's own classes."""

import os
import socket
import ssl
import threading
import time
import unittest

from vdi_door import compat, replaced

replaced.install()


def context(purpose):
    """TLS by a key that both sides know: no certificate is needed."""
    made = ssl.SSLContext(purpose)
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers("PSK")
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if purpose == ssl.PROTOCOL_TLS_SERVER:
        made.set_psk_server_callback(lambda _identity: b"key")
    else:
        made.set_psk_client_callback(lambda _hint: ("client", b"key"))
    return made


class Watched:
    """A TLS socket that counts how many threads are inside of it."""

    def __init__(self, plain):
        self.socket = plain
        self.inside = self.most = 0

    def __getattr__(self, name):
        return getattr(self.socket, name)

    def counted(self, call, *values):
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            return call(*values)
        finally:
            self.inside -= 1

    def recv(self, *values):
        return self.counted(self.socket.recv, *values)

    def send(self, *values):
        return self.counted(self.socket.send, *values)


class Connection(unittest.TestCase):
    def setUp(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            plain = socket.create_connection(listener.getsockname())
            accepted, _ = listener.accept()
        served = []
        thread = threading.Thread(target=lambda: served.append(context(ssl.PROTOCOL_TLS_SERVER).wrap_socket(accepted, server_side=True)))
        thread.start()
        self.client = context(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(plain)
        self.addCleanup(self.client.close)
        thread.join(10)
        # As Xpra hands it over.
        served[0].settimeout(0.1)
        self.socket = served[0]
        self.connection = compat.TLSConnection(self.socket, ("127.0.0.1", 1), ("127.0.0.1", 2), ("127.0.0.1", 2), "wss")
        self.addCleanup(self.connection.close)
        self.client.settimeout(10)

    def in_thread(self, call, *values):
        """Calls on a thread of its own; gives the thread and where its answer or error will be."""
        answers = []

        def answer():
            try:
                answers.append(call(*values))
            except Exception as error:
                answers.append(error)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        return thread, answers

    def assertEnds(self, thread):
        thread.join(10)
        self.assertFalse(thread.is_alive())

    def wait_for(self, condition, what):
        end = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.01)

    def test_a_thread_that_waits_takes_nothing_from_the_next_connection(self):
        ours, theirs = socket.socketpair()
        reader, answers = self.in_thread(self.connection.read, 1000)
        time.sleep(0.05)
        descriptor = self.socket.fileno()
        self.connection.close()
        self.assertEqual(self.socket.fileno(), -1)
        with ours, theirs:
            # The kernel gives a number again that is free.
            self.addCleanup(os.close, os.dup2(ours.fileno(), descriptor))
            theirs.send(b"the next one's first words")
            self.client.close()
            self.assertEnds(reader)
            ours.setblocking(False)
            self.assertEqual(ours.recv(1000), b"the next one's first words", answers)

    def test_who_waits_is_woken_by_the_end(self):
        reader, answers = self.in_thread(self.connection.read, 1000)
        time.sleep(0.05)
        before = time.monotonic()
        self.connection.close()
        self.assertEnds(reader)
        self.assertLess(time.monotonic() - before, 5, "as long as one wait")
        self.assertNotIn(True, [isinstance(answer, bytes) and answer != b"" for answer in answers])
        # A second time changes nothing.
        self.connection.close()

    def test_the_end_wakes_who_waits_for_room_as_well(self):
        def fill():
            while self.connection.write(b"x" * 65536):
                pass

        writer, answers = self.in_thread(fill)
        self.wait_for(lambda: self.socket.gettimeout() == 0, "the writer did not begin")
        self.wait_for(lambda: not writer.is_alive() or self.connection.output_bytecount > 0, "nothing was written")
        time.sleep(0.2)
        self.assertTrue(writer.is_alive(), answers)
        self.connection.close()
        self.assertEnds(writer)

    def test_a_hello_sets_no_time_that_a_reader_would_wait_in_tls(self):
        reader, _ = self.in_thread(self.connection.read, 1000)
        self.wait_for(lambda: self.socket.gettimeout() == 0, "the reader did not begin")
        compat.socket_handler.set_socket_timeout(self.connection, 20)
        self.assertEqual(self.socket.gettimeout(), 0)
        self.connection.close()
        self.assertEnds(reader)

    def test_a_look_at_what_comes_waits_for_its_turn(self):
        with self.connection.vdi_turn:
            looking, _ = self.in_thread(self.connection.peek, 10)
            looking.join(0.2)
            self.assertTrue(looking.is_alive())
        self.assertEnds(looking)

    def test_one_thread_at_a_time_and_nothing_is_lost(self):
        watched = Watched(self.socket)
        self.connection._socket = watched
        sent = bytes(range(256)) * 8192
        received = bytearray()

        def echo():
            while data := self.client.recv(50_000):
                self.client.sendall(data)

        def write():
            left = memoryview(sent)
            while left:
                left = left[self.connection.write(left) :]

        def read():
            while len(received) < len(sent):
                received.extend(self.connection.read(65536))

        echoing, writing, reading = [self.in_thread(call)[0] for call in (echo, write, read)]
        self.assertEnds(writing)
        self.assertEnds(reading)
        self.assertEqual(bytes(received), sent)
        self.assertEqual(watched.most, 1)
        self.assertEqual((self.connection.input_bytecount, self.connection.output_bytecount), (len(sent), len(sent)))
        # Not closed under a thread that waits in it, as everything here says.
        self.connection.close()
        self.assertEnds(echoing)


if __name__ == "__main__":
    unittest.main()
