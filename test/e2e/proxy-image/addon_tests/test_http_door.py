# SPDX-License-Identifier: GPL-2.0-or-later
"""The web server's places: real connections to the door's own handler, with a broker and tickets that are fakes."""

import json
import select
import socket
import threading
import time
import unittest
from contextlib import ExitStack
from types import SimpleNamespace
from unittest import mock

from vdi_door import api, http_door, transfer
from vdi_door.www import File

HOST = "the-door"
LARGE = b"x" * 400_000


class Broker:
    """Has every desktop wait, until its client has gone."""

    def patient_events(self, _path, _body, _deadline, wanted):
        yield {"event": "progress"}
        while wanted():
            time.sleep(0.02)
        raise api.ClientGone()


class HttpDoor(unittest.TestCase):
    def setUp(self):
        entry = lambda _service, ticket, *_more, **_options: SimpleNamespace(user=SimpleNamespace(name=ticket, to_json=dict))
        self.door = SimpleNamespace(
            settings=SimpleNamespace(max_http=3),
            site=SimpleNamespace(find=lambda _path: File("text/plain", "no-cache", '"tag"', {"identity": LARGE})),
            sign_in=SimpleNamespace(with_ticket=entry),
            service="xpra",
            broker=Broker(),
            places=SimpleNamespace(has_room=lambda _name: True),
        )
        patches = ExitStack()
        self.addCleanup(patches.close)
        for module in (http_door, api):
            patches.enter_context(mock.patch.object(module, "the_door", lambda: self.door))
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.addCleanup(self.listener.close)
        # What is taken in has the listener's.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        threading.Thread(target=self.take_in, daemon=True).start()

    def take_in(self):
        while True:
            try:
                accepted, address = self.listener.accept()
            except OSError:
                return
            accepted.settimeout(0.1)
            threading.Thread(target=http_door.DoorHandler, args=(accepted, address, None), daemon=True).start()

    def say(self, text, window=4096, address="127.0.0.1"):
        client = socket.socket()
        self.addCleanup(client.close)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        client.settimeout(10)
        client.bind((address, 0))
        client.connect(self.listener.getsockname())
        client.sendall(text)
        return client

    def get(self, window=4096, address="127.0.0.1"):
        return self.say(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", window, address)

    def prepare(self, user):
        body = json.dumps({"display": "desktop"}).encode()
        head = (
            f"POST /api/v1/sessions HTTP/1.1\r\nHost: {HOST}\r\nOrigin: https://{HOST}\r\nAuthorization: Bearer {user}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        client = self.say(head.encode() + body)
        begun = b""
        while b'"progress"' not in begun and b'"error"' not in begun:
            piece = client.recv(4096)
            if not piece:
                break
            begun += piece
        return client, begun.decode()

    def ended(self, clients):
        """Which of them the door has hung up on, by now."""
        time.sleep(0.3)
        found = []
        for client in clients:
            poll = select.poll()
            poll.register(client, select.POLLRDHUP)
            found.append(bool(poll.poll(0)))
        return found

    def test_who_takes_nothing_gives_way_to_whoever_asks_next(self):
        slow = []
        for _ in range(8):
            slow.append(self.get())
            # Its answer has begun before the next one's: which is the oldest is known.
            slow[-1].recv(1)
        reader = self.get(1 << 17)
        received = bytearray()
        while len(received) < len(LARGE):
            received.extend(reader.recv(1 << 16))
        self.assertTrue(received.startswith(b"HTTP/1.1 200 "))
        # Oldest first, as far as places were needed.
        self.assertTrue(all(self.dropped(client) for client in slow[:6]))

    def test_many_slow_readers_of_one_address_take_nothing_from_another(self):
        other = self.get(address="127.0.0.2")
        other.recv(1)
        slow = []
        for _ in range(6):
            slow.append(self.get())
            slow[-1].recv(1)
        self.assertTrue(all(self.dropped(client) for client in slow[:4]))
        received = bytearray()
        while len(received) < len(LARGE):
            received.extend(other.recv(1 << 16))

    def soon(self, holds):
        deadline = time.monotonic() + 10
        while not holds() and time.monotonic() < deadline:
            time.sleep(0.02)
        return holds()

    def dropped(self, client):
        try:
            while client.recv(1 << 16):
                pass
        except ConnectionResetError:
            return True
        return False

    def test_an_answer_that_is_taken_too_slowly_ends(self):
        with mock.patch.object(transfer, "ANSWER_SECONDS", 0.3), mock.patch.object(transfer, "LEAST_BYTES_A_SECOND", 1_000_000):
            client = self.get()
            client.recv(1)
            self.assertTrue(self.soon(lambda: http_door._answered._connections == {}))
        self.assertTrue(self.dropped(client))

    def test_desktops_in_preparation_take_no_place_from_strangers_nor_from_another_user(self):
        self.door.settings.max_http = 20
        with mock.patch.object(http_door, "STREAMS_EACH", 4):
            bob, begun = self.prepare("bob")
            self.assertIn('"progress"', begun)
            alice = [self.prepare("alice")[0] for _ in range(7)]
            self.assertEqual(self.ended((*alice, bob)), [True] * 3 + [False] * 5)
        self.assertEqual(http_door._answered._connections, {})
        for client in (*alice, bob):
            client.close()
        self.assertTrue(self.soon(lambda: http_door._streams._connections == {}))

    def test_one_more_than_all_places_is_refused_in_words(self):
        users = [self.prepare(f"user{number}")[1] for number in range(4)]
        self.assertEqual(['"busy"' in begun for begun in users], [False, False, False, True])


if __name__ == "__main__":
    unittest.main()
