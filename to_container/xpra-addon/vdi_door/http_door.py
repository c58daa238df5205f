# SPDX-License-Identifier: GPL-2.0-or-later
"""Xpra's web server, made into the page's: WebSocket to Xpra, files, and the interface below /api/v1/.

Xpra starts a thread for each connection and builds one of these on it. Each connection has a limit on its size, its time and their
number; nothing here runs on the main thread.
"""

import io
import select
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

from vdi_door import compat
from vdi_door.api import Api, ApiError
from vdi_door.door import the_door
from vdi_door.log import log
from vdi_door.transfer import IDLE_SECONDS, Received, Sent
from vdi_door.waiting import Waiting, peer_of
from vdi_door.www import SECURITY_HEADERS

# Desktops that one user has prepared at a time: an answer that takes minutes.
STREAMS_EACH = 16
_waiting = Waiting()
_answered = Waiting()
_streams = Waiting()


class DoorHandler(compat.http_handler):  # type: ignore[misc]
    protocol_version = "HTTP/1.1"
    server_version = "vdi"
    sys_version = ""

    def setup(self) -> None:
        # Xpra's own time-out is for its protocol (a tenth of a second); people's lines are slower than that.
        self.xpra_timeout = self.request.gettimeout()
        self.request.settimeout(IDLE_SECONDS)
        # One small answer in two writes would wait for the other side's delayed acknowledgement.
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()
        self._peer = peer_of(self.client_address)
        self.rfile.close()  # type: ignore[has-type]
        self._received = Received(self.request)
        self.rfile = io.BufferedReader(self._received)
        self.wfile = self._sent = Sent(self.request)

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError, OSError):
            self.close_connection = True

    def handle_one_request(self) -> None:
        self._stream_of: str | None = None
        self._received.next_request()
        self._sent.next_answer()
        _waiting.enter(self.request, the_door().settings.max_http, peer=self._peer)
        try:
            super().handle_one_request()
        finally:
            _waiting.leave(self.request)
            _answered.leave(self.request)
            if self._stream_of is not None:
                _streams.leave(self.request, self._stream_of)

    def has_asked(self) -> None:
        """The request is here as a whole: from now on this connection is one of those that are answered."""
        _waiting.leave(self.request)
        _answered.enter(self.request, the_door().settings.max_http, peer=self._peer)

    def takes_long(self, user: str) -> bool:
        """The answer is for somebody who has signed in, and will take minutes: no stranger's place. Whether there is room for it."""
        _answered.leave(self.request)
        self._stream_of = user
        return _streams.enter(self.request, STREAMS_EACH, user) <= the_door().settings.max_http

    # what may be asked for

    def do_GET(self) -> None:
        # Whether the proxy lives must be told as well when it has too much to do.
        if urlsplit(self.path).path != "/healthz":
            self.has_asked()
        if (self.headers.get("Upgrade") or "").lower() == "websocket":
            self._websocket()
            return
        self._file(body=True)

    def do_HEAD(self) -> None:
        self.has_asked()
        self._file(body=False)

    def do_POST(self) -> None:
        try:
            Api(self).answer()
        except ApiError as error:
            self.answer_json(error.status, error.body(), error.headers())
        except (ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True
        except Exception as error:  # whatever it is, one answer and one line in the log
            log.error("Error: %s while answering %s", type(error).__name__, urlsplit(self.path).path)
            self.close_connection = True
            self.answer_json(500, {"error": {"code": "bug", "message": "Something went wrong here. Please try again."}})

    # WebSocket

    def _websocket(self) -> None:
        # A page of another origin must not be able to use a browser's trust in this address.
        origin = self.headers.get("Origin")
        if origin is not None and not self.same_origin(origin):
            self.answer_json(403, {"error": {"code": "origin", "message": "This page is not the door's own."}})
            return
        # It may not be hung up on here any more: Xpra's own connections have places of their own (strangers.py).
        _answered.leave(self.request)
        self.request.settimeout(self.xpra_timeout)
        try:
            self.handle_websocket()
        except ValueError as error:
            self.request.settimeout(IDLE_SECONDS)
            self.close_connection = True
            self.answer_json(400, {"error": {"code": "websocket", "message": str(error)}})
            return
        # The connection now belongs to Xpra's protocol: no further request is read from it. (Xpra has replaced `finish`.)
        self.close_connection = True

    def is_gone(self) -> bool:
        """Whether the client has closed its side."""
        poll = select.poll()
        poll.register(self.request, select.POLLRDHUP)
        return bool(poll.poll(0))

    def same_origin(self, origin: str) -> bool:
        """Whether an Origin header names the address that this request came to."""
        parts = urlsplit(origin)
        return parts.scheme == "https" and parts.netloc.lower() == (self.headers.get("Host") or "").lower() != ""

    # files

    def _file(self, body: bool) -> None:
        path = urlsplit(self.path).path
        if path == "/healthz":
            self._answer(200, b"ok\n", {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}, body)
            return
        if path.startswith("/api/"):
            self.answer_json(405, {"error": {"code": "method", "message": "Use POST."}}, {"Allow": "POST"})
            return
        file = the_door().site.find(path)
        if file is None:
            self._answer(404, b"There is nothing here.\n", {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}, body)
            return
        headers = {"Content-Type": file.content_type, "Cache-Control": file.cache, "ETag": file.tag, "Vary": "Accept-Encoding"}
        if self.headers.get("If-None-Match") == file.tag:
            self._answer(304, b"", headers, False)
            return
        coding, content = file.best(self.headers.get("Accept-Encoding") or "")
        if coding != "identity":
            headers["Content-Encoding"] = coding
        self._answer(200, content, headers, body)

    # answers

    def get_headers(self) -> dict[str, str]:
        """Xpra adds these to every answer."""
        return dict(SECURITY_HEADERS)

    def _answer(self, status: int, content: bytes, headers: dict[str, str], body: bool = True) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if body and content:
            self.wfile.write(content)

    def answer_json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        """A whole answer of JSON, never kept by anybody."""
        from vdi_door.api import to_json

        self._answer(status, to_json(value), {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})})

    def begin_lines(self) -> None:
        """Begins an answer of lines of JSON, each sent at once."""
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Accel-Buffering", "no")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def send_line(self, value: Any) -> None:
        from vdi_door.api import to_json

        data = to_json(value)
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def end_lines(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        # Python's own answers to what is not HTTP: a page of HTML that repeats the request. Ours says less.
        self.close_connection = True
        status = int(code)
        try:
            self._answer(status, b"", {"Cache-Control": "no-store"})
        except OSError:
            pass

    def log_message(self, fmt: str, *args: Any) -> None:
        """Requests are not logged: the broker's audit says who did what."""

    log_error = log_message

