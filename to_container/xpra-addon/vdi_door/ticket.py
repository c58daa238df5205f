# SPDX-License-Identifier: GPL-2.0-or-later
"""Signed tickets: what the page holds instead of the password after the first success.

A ticket is `vdi1.PAYLOAD.SIGNATURE`, both parts in unpadded base64url; the signature is an HMAC-SHA256 over
`vdi1.PAYLOAD` with a key that all replicas share. It can be checked without asking anybody, and is worth nothing after its time.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass

PREFIX = "vdi1."
LONGEST = 2048


class TicketError(Exception):
    """The ticket is not (or no longer) good; the message is for the user."""


@dataclass(frozen=True)
class Ticket:
    user: str
    expires: float
    # When the user last showed the password: a renewal keeps it, so that tickets do not live for ever.
    signed_in: float
    # Which password that was, as a sum that says nothing without the key.
    password: str


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def is_ticket(secret: str) -> bool:
    """Whether a secret has a ticket's form; it is then never tried as a password."""
    return secret.startswith(PREFIX)


class TicketKey:
    """The key file, read again when it changes: a Secret's volume is updated in place."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._key = b""

    def read(self) -> bytes:
        stat = os.stat(self._path)
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._stamp:
            with open(self._path, "rb") as file:
                text = file.read(4096).strip()
            try:
                key = base64.b64decode(text, validate=True)
            except binascii.Error:
                raise ValueError(f"the ticket key {self._path} is not base64") from None
            if len(key) < 32:
                raise ValueError(f"the ticket key {self._path} has {len(key)} bytes, and needs at least 32")
            self._key = key
            self._stamp = stamp
        return self._key


class Tickets:
    def __init__(self, key: TicketKey, audience: str, seconds: int, max_seconds: int) -> None:
        self._key = key
        self._audience = audience
        self._seconds = seconds
        self._max_seconds = max_seconds

    def issue(self, user: str, now: float, signed_in: float | None = None, stamp: str = "") -> tuple[str, Ticket]:
        """A new ticket. `now` and all times are seconds since the epoch; `stamp` changes when the user's password does."""
        start = now if signed_in is None else signed_in
        ends = min(now + self._seconds, start + self._max_seconds)
        ticket = Ticket(user=user, expires=ends, signed_in=start, password=self._password(user, stamp))
        payload = {
            "u": user,
            "a": self._audience,
            "e": int(ticket.expires * 1000),
            "s": int(start * 1000),
            "p": ticket.password,
            "n": secrets.token_urlsafe(9),
        }
        body = PREFIX + _encode(json.dumps(payload, separators=(",", ":")).encode("utf-8"))
        return f"{body}.{_encode(self._sign(body))}", ticket

    def _sign(self, body: str) -> bytes:
        return hmac.new(self._key.read(), body.encode("ascii"), hashlib.sha256).digest()

    def _password(self, user: str, stamp: str) -> str:
        return _encode(hmac.new(self._key.read(), f"password\0{user}\0{stamp}".encode(), hashlib.sha256).digest()[:12])

    def fits(self, ticket: Ticket, stamp: str) -> bool:
        """Whether the user's password is still the one that the ticket was given for."""
        return hmac.compare_digest(ticket.password, self._password(ticket.user, stamp))

    def check(self, text: str, now: float, to_renew: bool = False) -> Ticket:
        """The ticket's content, or a TicketError. One answer for every kind of forgery.

        To be renewed it may have ended: a laptop that slept for an hour comes back without a password. The time since the
        password was shown is limited all the same.
        """
        refused = TicketError("Please sign in again.")
        if not text.startswith(PREFIX) or len(text) > LONGEST or not text.isascii():
            raise refused
        body, _, signature = text.rpartition(".")
        try:
            if not hmac.compare_digest(_decode(signature), self._sign(body)):
                raise refused
            payload = json.loads(_decode(body[len(PREFIX):]))
            audience, user, expires, signed_in = payload["a"], payload["u"], payload["e"], payload["s"]
            password = payload["p"]
        except (binascii.Error, ValueError, KeyError, TypeError):
            raise refused from None
        if audience != self._audience or not isinstance(user, str) or not isinstance(password, str):
            raise refused
        if not isinstance(expires, int) or not isinstance(signed_in, int):
            raise refused
        if (now * 1000 >= expires and not to_renew) or now >= signed_in / 1000 + self._max_seconds:
            raise TicketError("You were signed in for long enough: please sign in again.")
        return Ticket(user=user, expires=expires / 1000, signed_in=signed_in / 1000, password=password)
