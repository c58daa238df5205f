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

HELPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pam_helper.py")


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
                [sys.executable, "-I", "-S", self._helper],
                stdin=theirs.fileno(),
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                start_new_session=True,
            )
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

    def ask(self, service: str, user: str, password: str | None, address: str) -> str:
        """PAM's outcome, as pam_helper.ask_pam gives it; `unavailable: …` when it does not come in time."""
        deadline = time.monotonic() + self._seconds
        question = {"service": service, "user": user, "password": password, "address": address, "seconds": self._seconds}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours:
            try:
                with theirs:
                    self._send(theirs)
                ours.settimeout(self._seconds)
                ours.sendall(json.dumps(question).encode("utf-8") + b"\n")
                data = b""
                while not data.endswith(b"\n"):
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return "unavailable: no answer in time"
                    ours.settimeout(left)
                    piece = ours.recv(4096)
                    if not piece:
                        return "unavailable: the helper ended"
                    data += piece
                return str(json.loads(data)["outcome"])
            except TimeoutError:
                return "unavailable: no answer in time"
            except (OSError, ValueError, KeyError) as error:
                return f"unavailable: {type(error).__name__}"

    def stop(self) -> None:
        with self._lock:
            if self._control is not None:
                self._control.close()
                self._control = None
            if self._process is not None:
                self._process.terminate()
                self._process.wait(5)
                self._process = None
