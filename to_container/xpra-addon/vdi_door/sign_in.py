# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may come in: a password by PAM, or a ticket. Used by Xpra's own login and by the page's."""

import threading
import time
from dataclasses import dataclass

from vdi_door.identity import NotAllowed, User, find_user
from vdi_door.limits import FailureLimit
from vdi_door.log import log
from vdi_door.pam_client import PamClient
from vdi_door.ticket import TicketError, Tickets, is_ticket

LONGEST_SECRET = 4096


class Refused(Exception):
    """No entry. `code` is the page's, `message` for the user; `retry_after` in seconds."""

    def __init__(self, code: str, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after


@dataclass(frozen=True)
class Entry:
    user: User
    # Seconds since the epoch; None when the password was shown just now.
    signed_in: float | None


_CREDENTIALS = "The user name or the password is not right."
_ACCOUNT = {
    "account": "This account may not sign in here. Please ask your administrator.",
    "account-expired": "This account has expired. Please ask your administrator.",
    "password-expired": "This password has expired, and cannot be changed here. Please ask your administrator.",
}


class SignIn:
    def __init__(self, pam: PamClient, tickets: Tickets, limit_by_address: bool) -> None:
        self._pam = pam
        self._tickets = tickets
        self._by_user = FailureLimit(burst=6, seconds_each=10)
        # Wide: whole offices share an address, and somebody who guesses there must not shut the others out.
        self._by_address = FailureLimit(burst=600, seconds_each=0.05) if limit_by_address else None
        self._at_once = threading.BoundedSemaphore(48)

    def with_password(self, service: str, name: str, password: str, address: str) -> Entry:
        """Raises Refused. Takes as long as PAM does, and nobody else waits for it."""
        key = f"{name[:256]}\0{address}"
        wait = max(self._by_user.retry_after(key), self._by_address.retry_after(address) if self._by_address else 0.0)
        if wait > 0:
            raise Refused("too-many", "Too many attempts. Please wait a moment and try again.", wait)
        user = None
        outcome = "credentials"
        try:
            user = find_user(name)
        except NotAllowed as error:
            log.warn("Warning: refused an account of the system (uid or gid 0)")
            raise Refused("account", str(error)) from None
        # An unknown user is asked for as well, so that the answer takes as long as for a wrong password.
        if password and len(password) <= LONGEST_SECRET and "\0" not in password and "\0" not in name and name:
            if not self._at_once.acquire(timeout=5):
                raise Refused("busy", "Too many people are signing in at this moment. Please try again.", 5.0)
            try:
                outcome = self._pam.ask(service, name, password, address)
            finally:
                self._at_once.release()
        if user is not None and outcome == "ok":
            self._by_user.succeeded(key)
            return Entry(user, None)
        if user is not None and outcome in _ACCOUNT:
            log.warn("Warning: PAM refused the account of %r from %s: %s", name[:64], address, outcome)
            raise Refused("account", _ACCOUNT[outcome])
        if outcome == "busy" or outcome.startswith("unavailable"):
            log.error("Error: PAM could not be asked: %s", outcome)
            raise Refused("unavailable", "Signing in does not work at this moment. Please try again later.", 5.0)
        self._by_user.failed(key)
        if self._by_address:
            self._by_address.failed(address)
        log.warn("Warning: wrong user name or password for %r from %s", name[:64], address)
        raise Refused("credentials", _CREDENTIALS)

    def with_ticket(self, service: str, text: str, address: str, name: str | None = None) -> Entry:
        """The ticket's user, if it is that of `name`. The account is looked at again: a ticket outlives no removed user."""
        try:
            ticket = self._tickets.check(text, time.time())
        except TicketError as error:
            raise Refused("ticket", str(error)) from None
        except (OSError, ValueError) as error:
            log.error("Error: the ticket key cannot be used: %s", error)
            raise Refused("unavailable", "Signing in does not work at this moment. Please try again later.", 5.0) from None
        try:
            user = find_user(ticket.user)
        except NotAllowed as error:
            raise Refused("account", str(error)) from None
        if user is None or (name is not None and name != ticket.user):
            raise Refused("ticket", "Please sign in again.")
        outcome = self._pam.ask(service, ticket.user, None, address)
        if outcome in _ACCOUNT:
            raise Refused("account", _ACCOUNT[outcome])
        if outcome != "ok":
            log.error("Error: PAM could not be asked for the account: %s", outcome)
            raise Refused("unavailable", "Signing in does not work at this moment. Please try again later.", 5.0)
        return Entry(user, ticket.signed_in)

    def with_secret(self, service: str, name: str, secret: str, address: str) -> Entry:
        """A ticket where a password is asked for (Xpra's login), else the password."""
        if is_ticket(secret):
            return self.with_ticket(service, secret, address, name)
        return self.with_password(service, name, secret, address)

    def issue(self, entry: Entry) -> tuple[str, float]:
        """A new ticket and its end, in seconds since the epoch. Raises Refused."""
        try:
            text, ticket = self._tickets.issue(entry.user.name, time.time(), entry.signed_in)
        except (OSError, ValueError) as error:
            log.error("Error: the ticket key cannot be used: %s", error)
            raise Refused("unavailable", "Signing in does not work at this moment. Please try again later.", 5.0) from None
        return text, ticket.expires
