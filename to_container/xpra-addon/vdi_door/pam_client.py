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
from dataclasses import dataclass

from vdi_door.identity import User, user_from_json

HELPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pam_helper.py")
# For a helper that has stopped taking attempts. It only ever forks, so a second is long.
TAKE_SECONDS = 3.0


@dataclass(frozen=True)
class Answer:
    """PAM's outcome, as pam.ask_pam gives it, or `system`, `unknown`, `busy`, `unavailable: …`; and what the directory knows."""

    outcome: str
    known: bool = False
    user: User | None = None
    locked: bool = False
    stamp: str = ""


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

    def _send(self, theirs: socket.socket) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))]
        with self._lock:
            try:
                self._running().sendmsg([b"a"], rights)
            except OSError:
                if self._process is not None:
                    self._process.kill()
                    self._process.wait()
                self._running().sendmsg([b"a"], rights)

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
                self._send(theirs)
            ours.settimeout(max(0.1, deadline - time.monotonic()))
            began = False
            try:
                ours.sendall(question)
                data = b""
                while True:
                    while b"\n" not in data:
                        left = deadline - time.monotonic()
                        if left <= 0:
                            raise TimeoutError
                        ours.settimeout(left)
                        piece = ours.recv(65536)
                        if not piece:
                            raise ConnectionError
                        data += piece
                    line, _, data = data.partition(b"\n")
                    answer = json.loads(line)
                    if "outcome" in answer:
                        break
                    began = True
            except ConnectionError:
                if began:
                    return Answer("unavailable: the attempt's process ended")
                raise _Lost from None
        user = answer.get("user")
        return Answer(
            outcome=str(answer["outcome"]),
            known=bool(answer.get("known")),
            user=None if user is None else user_from_json(user),
            locked=bool(answer.get("locked")),
            stamp=str(answer.get("stamp", "")),
        )

    def stop(self) -> None:
        with self._lock:
            if self._control is not None:
                self._control.close()
                self._control = None
            if self._process is not None:
                self._process.terminate()
                self._process.wait(5)
                self._process = None
