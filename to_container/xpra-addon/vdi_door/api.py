# SPDX-License-Identifier: GPL-2.0-or-later
"""The page's interface, below /api/v1/: sign in, renew the ticket, prepare, look at and end a session. JSON both ways."""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from vdi_door.broker import BrokerAway, BrokerRefused, ClientGone, TimedOut
from vdi_door.door import the_door
from vdi_door.hello import LONGEST_DISPLAY
from vdi_door.limits import wait_to_refuse
from vdi_door.log import log
from vdi_door.places import FULL
from vdi_door.session import Wish
from vdi_door.sign_in import Entry, Refused

LONGEST_BODY = 16 * 1024
# The broker gives up first, and knows why: up to 300 s in its line of starts, and as long for the start.
PREPARE_SECONDS = 620.0
ANSWER_SECONDS = 10.0
# While there is nothing to tell, a line says that the connection lives: the page gives up one that is silent.
BEAT_SECONDS = 5.0

_STATUS = {"credentials": 401, "ticket": 401, "account": 403, "too-many": 429, "busy": 503, "unavailable": 503}
_BROKER_STATUS = {4: 404, 5: 503, 6: 403}


def to_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8") + b"\n"


class ApiError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, code: str, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        return {"error": {"code": self.code, "message": self.message}}

    def headers(self) -> dict[str, str]:
        headers = {"WWW-Authenticate": 'Bearer realm="vdi"'} if self.status == 401 else {}
        if self.retry_after:
            headers["Retry-After"] = str(int(self.retry_after) + 1)
        return headers


def _from_refused(refused: Refused) -> ApiError:
    return ApiError(_STATUS.get(refused.code, 403), refused.code, refused.message, refused.retry_after)


def _away(error: Exception) -> ApiError:
    log.error("Error: the broker did not help: %s", error or type(error).__name__)
    return ApiError(503, "broker", "Desktops cannot be reached at this moment. Please try again in a minute.", 5.0)


class Api:
    """One request. `handler` is the DoorHandler that got it."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler
        self._door = the_door()

    def answer(self) -> None:
        """Answers, or raises ApiError."""
        routes: dict[str, Callable[[], None]] = {
            "/api/v1/sign-in": self._sign_in,
            "/api/v1/ticket": self._renew,
            "/api/v1/sessions": self._prepare,
            "/api/v1/sessions/state": self._state,
            "/api/v1/sessions/end": self._end,
        }
        route = routes.get(urlsplit(self._handler.path).path)
        # The body is always read first: what is left in the connection would be taken for the next request.
        self._body = self._read()
        self._handler.has_asked()
        if route is None:
            raise ApiError(404, "not-found", "There is no such request.")
        route()

    # what came in

    def _read(self) -> dict[str, Any]:
        handler = self._handler
        length_text = handler.headers.get("Content-Length") or ""
        if handler.headers.get("Transfer-Encoding") or not length_text.isdigit():
            handler.close_connection = True
            raise ApiError(411, "length", "The request has no length.")
        length = int(length_text)
        if length > LONGEST_BODY:
            handler.close_connection = True
            raise ApiError(413, "too-long", "The request is too long.")
        data = handler.rfile.read(length)
        if len(data) < length:
            raise ConnectionError("the request ended early")
        origin = handler.headers.get("Origin")
        if origin is None or not handler.same_origin(origin):
            raise ApiError(403, "origin", "This request does not come from the door's own page.")
        if (handler.headers.get("Content-Type") or "").split(";")[0].strip().lower() != "application/json":
            raise ApiError(415, "content-type", "The request is not JSON.")
        try:
            body = json.loads(data or b"{}")
        except (ValueError, RecursionError):
            raise ApiError(400, "json", "The request is not JSON.") from None
        if not isinstance(body, dict):
            raise ApiError(400, "json", "The request is not an object.")
        return body

    def _text(self, name: str, longest: int, default: str | None = None) -> str:
        value = self._body.get(name, default)
        if not isinstance(value, str) or len(value) > longest:
            raise ApiError(400, "request", f"The request needs {name!r}, a text of at most {longest} characters.")
        return value

    def _address(self) -> str:
        client = self._handler.client_address
        return str(client[0]) if isinstance(client, (tuple, list)) and client else ""

    def _entry(self, to_renew: bool = False) -> Entry:
        kind, _, ticket = (self._handler.headers.get("Authorization") or "").partition(" ")
        if kind.lower() != "bearer":
            raise ApiError(401, "ticket", "Please sign in.")
        try:
            return self._door.sign_in.with_ticket(self._door.service, ticket.strip(), self._address(), to_renew=to_renew)
        except Refused as refused:
            raise _from_refused(refused) from None

    def _display(self) -> str:
        return self._text("display", LONGEST_DISPLAY, "")

    # what goes out

    def _ask_broker(self, path: str, entry: Entry, **more: str) -> dict[str, Any]:
        body = {"user": entry.user.to_json(), **more}
        try:
            # Patiently: a one-time code is spent by now, and a broker that is started anew is back at once.
            return self._door.broker.patient_ask(path, body, ANSWER_SECONDS, lambda: not self._handler.is_gone())
        except BrokerRefused as error:
            raise ApiError(_BROKER_STATUS.get(error.code, 502), error.reason, error.message) from None
        except (BrokerAway, TimedOut) as error:
            self._handler.close_connection = True
            raise _away(error) from None
        except ClientGone:
            raise ConnectionError("nobody waits for the answer") from None

    def _welcome(self, entry: Entry) -> None:
        types = self._ask_broker("/v1/types", entry).get("types", [])
        try:
            ticket, expires = self._door.sign_in.issue(entry)
        except Refused as refused:
            raise _from_refused(refused) from None
        answer = {"ticket": ticket, "expiresAt": int(expires * 1000), "user": entry.user.name, "types": types}
        self._handler.answer_json(200, answer)

    def _sign_in(self) -> None:
        began = time.monotonic()
        user, password = self._text("user", 256), self._text("password", 4096)
        try:
            entry = self._door.sign_in.with_password(self._door.service, user, password, self._address(), "page")
        except Refused as refused:
            wait_to_refuse(refused.code, began)
            raise _from_refused(refused) from None
        self._welcome(entry)

    def _renew(self) -> None:
        self._welcome(self._entry(to_renew=True))

    def _state(self) -> None:
        self._handler.answer_json(200, self._ask_broker("/v1/state", self._entry(), display=self._display()))

    def _end(self) -> None:
        self._handler.answer_json(200, self._ask_broker("/v1/end", self._entry(), display=self._display()))

    def _existing(self) -> bool:
        value = self._body.get("existing", False)
        if not isinstance(value, bool):
            raise ApiError(400, "request", "'existing' is true or false.")
        return value

    def _prepare(self) -> None:
        wish = Wish(self._entry().user, self._display(), self._existing())
        lines = _Lines(self._handler)
        if not (self._handler.takes_long(wish.user.name) and self._door.places.has_room(wish.user.name)):
            # Before a desktop is started that nobody could get to.
            lines.send({"event": "error", "code": 1, "reason": "busy", "message": FULL})
            self._handler.end_lines()
            return
        deadline = time.monotonic() + PREPARE_SECONDS
        try:
            for event in self._door.broker.patient_events("/v1/sessions", wish.body(), deadline, lines.are_wanted):
                lines.send(_without_address(event) if event.get("event") == "ready" else event)
        except BrokerRefused as error:
            lines.send({"event": "error", "code": error.code, "reason": error.reason, "message": error.message})
        except TimedOut:
            lines.send({"event": "error", "code": 1, "reason": "timed-out", "message": "Your desktop took too long. Please try again."})
        except BrokerAway as error:
            # The next request may come to another proxy, whose broker is there.
            self._handler.close_connection = True
            lines.send({"event": "error", "code": 1, "reason": "broker", "message": _away(error).message})
        except ClientGone:
            self._handler.close_connection = True
            return
        self._handler.end_lines()


def _without_address(ready: dict[str, Any]) -> dict[str, Any]:
    """A session's address and its password stay here."""
    return {name: ready[name] for name in ("event", "session", "notice") if name in ready}


class _Lines:
    """The lines of one answer, with a sign of life while there is nothing to say."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler
        self._began = False
        self._sent = time.monotonic()

    def send(self, event: dict[str, Any]) -> None:
        if not self._began:
            self._handler.begin_lines()
            self._began = True
        self._handler.send_line(event)
        self._sent = time.monotonic()

    def are_wanted(self) -> bool:
        """Asked every second or so by whoever waits for the broker."""
        if self._handler.is_gone():
            return False
        if time.monotonic() - self._sent > BEAT_SECONDS:
            self.send({"event": "waiting"})
        return True
