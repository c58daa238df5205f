# SPDX-License-Identifier: GPL-2.0-or-later
"""The proxy's side of pam_helper.py: starts it, starts it again if it died, and asks it without holding anybody up."""

import array
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vdi_door.identity import User, user_from_json

HELPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pam_helper.py")
# When a helper that has not taken an attempt is looked at. On a machine with too much to do it may just not have had its turn.
TAKE_SECONDS = 5.0


@dataclass(frozen=True)
class Answer:
    """PAM's outcome, as pam.ask_pam gives it, or `system`, `unknown`, `busy`, `unavailable: …`; and what the directory knows."""

    outcome: str
    known: bool = False
    user: User | None = None
    locked: bool = False
    stamp: str = ""


def _is_stopped(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in ("T", "t")
    except (OSError, IndexError):
        return False


class _Lost(Exception):
    """The helper died before this attempt's turn: PAM has not been asked, and may be."""


class PamClient:
    def __init__(self, seconds: float, helper: str = HELPER) -> None:
        self._seconds = seconds
        self._helper = helper
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self) -> None:
        """Best called before the proxy has threads; a helper that died is started again by the next attempt."""
        with self._lock:
            self._running()

    def _running(self) -> socket.socket:
        if self._control is not None and self._process is not None and self._process.poll() is None:
            return self._control
        if self._control is not None:
            self._control.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", self._helper, str(self._seconds)],
                stdin=theirs.fileno(),
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                start_new_session=True,
            )
        ours.settimeout(TAKE_SECONDS)
        self._control = ours
        return ours

    def _send(self, theirs: socket.socket) -> "subprocess.Popen[bytes] | None":
        """Hands the attempt over; the helper that has got it."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))]
        with self._lock:
            try:
                self._running().sendmsg([b"a"], rights)
            except OSError:
                if self._process is not None:
                    self._process.kill()
                    self._process.wait()
                self._running().sendmsg([b"a"], rights)
            return self._process

    def ask(self, service: str, user: str, password: str | None, address: str) -> Answer:
        """The answer; `unavailable: …` when it does not come in time. Without a password only the account is looked at."""
        deadline = time.monotonic() + self._seconds
        question = json.dumps({"service": service, "user": user, "password": password, "address": address}).encode("utf-8") + b"\n"
        try:
            try:
                return self._ask(question, deadline)
            except _Lost:
                return self._ask(question, deadline)
        except _Lost:
            return Answer("unavailable: the helper ended")
        except TimeoutError:
            return Answer("unavailable: no answer in time")
        except (OSError, ValueError, KeyError, TypeError) as error:
            return Answer(f"unavailable: {type(error).__name__}")

    def _ask(self, question: bytes, deadline: float) -> Answer:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours:
            with theirs:
                helper = self._send(theirs)
            lines = self._lines(ours, deadline, helper)
            began: dict[str, Any] | None = None
            try:
                ours.settimeout(TAKE_SECONDS)
                ours.sendall(question)
                for answer in lines:
                    if "outcome" in answer:
                        break
                    if "began" in answer:
                        began = answer
            except ConnectionError:
                if began is None:
                    raise _Lost from None
                answer = {"outcome": "unavailable: the attempt's process ended"}
            except TimeoutError:
                answer = {"outcome": "unavailable: no answer in time"}
        # What ends an attempt early says nothing of whose it was.
        answer = {**(began or {}), **answer}
        user = answer.get("user")
        return Answer(
            outcome=str(answer["outcome"]),
            known=bool(answer.get("known")),
            user=None if user is None else user_from_json(user),
            locked=bool(answer.get("locked")),
            stamp=str(answer.get("stamp", "")),
        )

    def _lines(self, ours: socket.socket, deadline: float, helper: "subprocess.Popen[bytes] | None") -> Iterator[dict[str, Any]]:
        """The helper's lines as they come. Raises TimeoutError at the deadline, ConnectionError when nobody is there any more."""
        data = b""
        until = min(deadline, time.monotonic() + TAKE_SECONDS)
        while True:
            left = until - time.monotonic()
            ours.settimeout(max(0.01, left))
            try:
                piece = ours.recv(65536)
            except TimeoutError:
                if until >= deadline:
                    raise
                if self._give_up_stopped(helper):
                    raise ConnectionError("the helper was stopped") from None
                until = deadline
                continue
            if not piece:
                raise ConnectionError("the helper ended")
            until = deadline
            data += piece
            while b"\n" in data:
                line, _, data = data.partition(b"\n")
                yield json.loads(line)

    def _give_up_stopped(self, helper: "subprocess.Popen[bytes] | None") -> bool:
        """Ends a helper that something has stopped; the next attempt starts another. Attempts that are under way go on without it."""
        with self._lock:
            if helper is None:
                return False
            # Another attempt may have ended it already, and the one that runs now is a new one.
            if helper is self._process and _is_stopped(helper.pid):
                helper.kill()
                helper.wait()
            return helper.poll() is not None

    def stop(self) -> None:
        with self._lock:
            if self._control is not None:
                self._control.close()
                self._control = None
            if self._process is not None:
                self._process.terminate()
                self._process.wait(5)
                self._process = None
