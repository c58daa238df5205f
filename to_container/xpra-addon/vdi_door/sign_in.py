# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may come in: a password by PAM, or a ticket. Used by Xpra's own login and by the page's."""

import time
from dataclasses import dataclass

from vdi_door import record
from vdi_door.identity import User
from vdi_door.limits import FailureLimit
from vdi_door.log import log
from vdi_door.pam_client import Answer, PamClient
from vdi_door.ticket import TicketError, Tickets, is_ticket

LONGEST_NAME = 256
LONGEST_SECRET = 4096


class Refused(Exception):
    """No entry. `code` is the page's, `message` for the user; `retry_after` in seconds."""

    def __init__(self, code: str, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after


class BadTicket(Refused):
    """No ticket of ours, or one that has ended. Not worth a line for each of a page's requests."""


@dataclass(frozen=True)
class Entry:
    user: User
    # Seconds since the epoch; None when the password was shown just now.
    signed_in: float | None
    # Of the password that was shown: see directory.look_up.
    stamp: str


_CREDENTIALS = "The user name or the password is not right."
_AGAIN = "Please sign in again."
_NOT_NOW = "Signing in does not work at this moment. Please try again later."
# PAM's outcomes that say no to an account whose password was right: the log's reason and the user's words.
_ACCOUNT = {
    "account": ("hbac", "This account may not sign in here. Please ask your administrator."),
    "expired": ("expired", "This account has expired. Please ask your administrator."),
    "password-expired": ("password-expired", "This password has expired, and cannot be changed here. Please ask your administrator."),
    "locked": ("locked", "This account is locked. Please ask your administrator."),
    "system": ("system", "Accounts of the system cannot have a desktop here."),
}


def _trouble(answer: Answer) -> tuple[str, str]:
    """Outcome and reason, in the log's words, of an answer that says nothing of the user."""
    if answer.outcome == "busy":
        return "busy", "overload"
    _, _, why = answer.outcome.partition(": ")
    return "unavailable", "timeout" if why == "no answer in time" else why or answer.outcome


class _Visit:
    """One attempt, and its line in the log."""

    def __init__(self, door: str, name: str, address: str) -> None:
        self._door = door
        self._name = name
        self._address = address

    def is_of(self, user: User | None) -> None:
        """The line's name is the directory's own, which may take it in other letters or with a domain. None: it has not said."""
        if user is not None:
            self._name = user.name

    def ended(self, outcome: str, known: bool, reason: str | None = None, times: int | None = None) -> None:
        record.sign_in(
            outcome, door=self._door, address=self._address, user=self._name, known=known, reason=reason, times=times
        )


def _may_be_asked(name: str, password: str) -> bool:
    """Whether PAM can be asked for them. It takes UTF-8 that ends at a zero; JSON and Python also have halves of characters."""
    try:
        (name + password).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return 0 < len(name) <= LONGEST_NAME and 0 < len(password) <= LONGEST_SECRET and "\0" not in name + password


class SignIn:
    def __init__(self, pam: PamClient, tickets: Tickets, limit_by_address: bool) -> None:
        self._pam = pam
        self._tickets = tickets
        self._by_user = FailureLimit(burst=6, seconds_each=10)
        # Wide: whole offices share an address, and somebody who guesses there must not shut the others out.
        self._by_address = FailureLimit(burst=600, seconds_each=0.05) if limit_by_address else None
        # Somebody who tries without an end gets a line now and then, and not one for each attempt.
        self._limited = record.Sparsely(10.0)

    def _take(self, key: str, address: str) -> tuple[float, str]:
        """The seconds to wait, and by whose limit: that of the user at this address, or the address's own."""
        wait = self._by_user.take(key)
        if wait == 0 and self._by_address:
            wait = self._by_address.take(address)
            if wait > 0:
                self._by_user.give_back(key)
                return wait, address
        return wait, key

    def _give_back(self, key: str, address: str) -> None:
        self._by_user.give_back(key)
        if self._by_address:
            self._by_address.give_back(address)

    def with_password(self, service: str, name: str, password: str, address: str, door: str) -> Entry:
        """Raises Refused. Takes as long as PAM does, and nobody else waits for it. `door` is the log's: `page` or `client`."""
        visit = _Visit(door, name, address)
        # Directories that know no capitals would give each spelling its own attempts.
        key = f"{name[:LONGEST_NAME].casefold()}\0{address}"
        wait, limited = self._take(key, address)
        if wait > 0:
            times = self._limited.times(limited)
            if times:
                # Nobody has looked whether there is such an account.
                visit.ended("too-many", known=False, times=times)
            raise Refused("too-many", "Too many attempts. Please wait a moment and try again.", wait)
        if not _may_be_asked(name, password):
            visit.ended("credentials", known=False)
            raise Refused("credentials", _CREDENTIALS)
        answer = self._pam.ask(service, name, password, address)
        visit.is_of(answer.user)
        if answer.outcome == "ok" and answer.user is not None:
            self._by_user.succeeded(key)
            if self._by_address:
                self._by_address.give_back(address)
            visit.ended("ok", known=True)
            return Entry(answer.user, None, answer.stamp)
        if answer.known and answer.outcome in _ACCOUNT:
            if answer.outcome != "system":
                self._give_back(key, address)
            reason, words = _ACCOUNT[answer.outcome]
            visit.ended("account", known=True, reason=reason)
            raise Refused("account", words)
        if answer.outcome in ("ok", "credentials", *_ACCOUNT):
            # Not said to somebody who may be guessing: that the account is locked.
            visit.ended("credentials", known=answer.known, reason="locked" if answer.locked else None)
            raise Refused("credentials", _CREDENTIALS)
        self._give_back(key, address)
        raise self._not_now(visit, answer)

    def with_ticket(self, service: str, text: str, address: str, name: str | None = None, to_renew: bool = False) -> Entry:
        """The ticket's user, if it is that of `name`. The account is looked at again: a ticket ends with its password or account."""
        try:
            ticket = self._tickets.check(text, time.time(), to_renew)
        except TicketError as error:
            raise BadTicket("ticket", str(error)) from None
        except (OSError, ValueError) as error:
            raise self._no_key(error) from None
        visit = _Visit("ticket", ticket.user, address)
        if name is not None and name != ticket.user:
            visit.ended("credentials", known=True, reason="another's ticket")
            raise Refused("ticket", _AGAIN)
        answer = self._pam.ask(service, ticket.user, None, address)
        outcome = answer.outcome
        if outcome in ("ok", "credentials", "unknown") and answer.locked and not self._tickets.fits(ticket, answer.stamp):
            outcome = "locked"
        if outcome in _ACCOUNT:
            reason, words = _ACCOUNT[outcome]
            visit.ended("account", known=answer.known, reason=reason)
            raise Refused("account", words)
        if outcome in ("credentials", "unknown"):
            visit.ended("account", known=True, reason="removed" if outcome == "unknown" else None)
            raise Refused("ticket", _AGAIN)
        if outcome != "ok" or answer.user is None:
            raise self._not_now(visit, answer)
        if not self._tickets.fits(ticket, answer.stamp):
            visit.ended("credentials", known=True, reason="password changed")
            raise Refused("ticket", "Your password has been changed: please sign in again.")
        return Entry(answer.user, ticket.signed_in, answer.stamp)

    def with_secret(self, service: str, name: str, secret: str, address: str) -> Entry:
        """A ticket where a password is asked for (Xpra's login), else the password."""
        if not is_ticket(secret):
            return self.with_password(service, name, secret, address, "client")
        try:
            entry = self.with_ticket(service, secret, address, name)
        except BadTicket:
            # Made up by anybody, at no cost.
            times = self._limited.times(f"ticket\0{address}")
            if times:
                _Visit("ticket", name, address).ended("credentials", known=False, reason="ticket", times=times)
            raise
        _Visit("ticket", entry.user.name, address).ended("ok", known=True)
        return entry

    def issue(self, entry: Entry) -> tuple[str, float]:
        """A new ticket and its end, in seconds since the epoch. Raises Refused."""
        try:
            text, ticket = self._tickets.issue(entry.user.name, time.time(), entry.signed_in, entry.stamp)
        except (OSError, ValueError) as error:
            raise self._no_key(error) from None
        return text, ticket.expires

    @staticmethod
    def _no_key(error: Exception) -> Refused:
        log.error("Error: the ticket key cannot be used: %s", error)
        return Refused("unavailable", _NOT_NOW, 5.0)

    @staticmethod
    def _not_now(visit: _Visit, answer: Answer) -> Refused:
        outcome, reason = _trouble(answer)
        visit.ended(outcome, known=answer.known, reason=reason)
        if outcome == "busy":
            return Refused("busy", "Too many people are signing in at this moment. Please try again.", 5.0)
        return Refused("unavailable", _NOT_NOW, 5.0)
