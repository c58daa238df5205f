# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks the directory and PAM, in a process of its own for every attempt. Run as a program; imports nothing of Xpra.

PAM modules wait (two seconds for a wrong password), hold Python's lock while they do, and keep global state. So the proxy starts
this small process once, and it forks for each attempt. An attempt comes as a socket, passed over standard input: the question is a
line of JSON on it, with the password, and the answers are up to three: `{"taken":true}` at once, what the directory knows before PAM
is asked, and the outcome. Nothing secret is ever in an argument or in the environment.

An attempt that hangs costs nobody else anything: it has a deadline, and when all places are taken, the one that has been at it for
longest gives up its place.
"""

import array
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from collections import deque
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from vdi_door import directory, pam  # noqa: E402

AT_ONCE = 96
MOST_WAITING = 1024
# What an attempt has for itself before its place may be given to another.
LEAST_SECONDS = 3.0
PR_SET_CHILD_SUBREAPER = 36


def _send(connection: socket.socket, answer: dict[str, Any]) -> None:
    connection.sendall(json.dumps(answer).encode("ascii") + b"\n")


def _say(connection: socket.socket, answer: dict[str, Any]) -> None:
    """From the process that serves everybody: never waits."""
    try:
        connection.send(json.dumps(answer).encode("ascii") + b"\n", socket.MSG_DONTWAIT)
    except OSError:
        pass


def _descendants(pid: int) -> list[int]:
    """What a process has started, and that in its turn. Empty where the kernel does not say."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = [int(child) for child in file.read().split()]
    except (OSError, ValueError):
        return []
    return children + [deeper for child in children for deeper in _descendants(child)]


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _read_question(connection: socket.socket) -> dict[str, Any] | None:
    data = b""
    while not data.endswith(b"\n"):
        piece = connection.recv(65536)
        if not piece or len(data) > 65536:
            return None
        data += piece
    question: dict[str, Any] = json.loads(data)
    return question


def _attempt(libs: tuple[Any, Any], connection: socket.socket) -> None:
    question = _read_question(connection)
    if question is None:
        return
    answer = directory.look_up(libs[0], question["user"])
    if answer.get("system"):
        answer["outcome"] = "system"
    elif question["password"] is None and not answer["known"]:
        answer["outcome"] = "unknown"
    else:
        # An unknown user is asked for as well, so that the answer takes as long as for a wrong password.
        _send(connection, {"began": True, "known": answer["known"], "user": answer.get("user")})
        answer["outcome"] = pam.ask_pam(libs, question)
    _send(connection, answer)


class Helper:
    """Takes attempts from `control` until it is closed; `seconds` is the most that one of them may take."""

    def __init__(self, control: socket.socket, seconds: float) -> None:
        self._control = control
        self._seconds = seconds
        self._libs = pam.load()
        # Both oldest first.
        self._running: dict[int, tuple[float, socket.socket]] = {}
        self._waiting: deque[tuple[float, socket.socket]] = deque()
        self._woken, wake = socket.socketpair()
        self._wake = wake
        for end in (self._woken, wake):
            end.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # What a module has started (pam_exec) and left behind comes here, to be taken away.
        self._libs[0].prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def serve(self) -> None:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(self._pause())}
            if self._woken.fileno() in ready:
                self._woken.recv(4096)
            self._reap()
            if self._control.fileno() in ready and not self._take():
                break
            self._end_late()
            self._begin_waiting()
        for pid in list(self._running):
            self._end(pid, "unavailable: the proxy ended")

    def _pause(self) -> int | None:
        """Milliseconds until somebody's time may be up."""
        if self._waiting:
            return 100
        return 1000 if self._running else None

    def _take(self) -> bool:
        descriptors = array.array("i")
        data, ancillary, _flags, _address = self._control.recvmsg(1, socket.CMSG_LEN(descriptors.itemsize))
        if not data:
            return False
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(content[: descriptors.itemsize])
        for descriptor in descriptors:
            connection = socket.socket(fileno=descriptor)
            if len(self._waiting) >= MOST_WAITING:
                _say(connection, {"outcome": "busy"})
                connection.close()
            else:
                _say(connection, {"taken": True})
                self._waiting.append((time.monotonic(), connection))
        return True

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            _, connection = self._running.pop(pid, (0.0, None))
            if connection is not None:
                # Unheard when the attempt has answered by itself.
                _say(connection, {"outcome": "unavailable: the attempt's process ended"})
                connection.close()

    def _end(self, pid: int, outcome: str) -> None:
        _, connection = self._running.pop(pid)
        _say(connection, {"outcome": outcome})
        connection.close()
        # pam_exec has a program running, in a session of its own.
        for started in [pid, *_descendants(pid)]:
            _kill(started)

    def _end_late(self) -> None:
        now = time.monotonic()
        for pid, (began, _) in list(self._running.items()):
            if now - began < self._seconds:
                break
            self._end(pid, "unavailable: no answer in time")
        while self._waiting and now - self._waiting[0][0] >= self._seconds:
            _, connection = self._waiting.popleft()
            _say(connection, {"outcome": "busy"})
            connection.close()

    def _begin_waiting(self) -> None:
        while self._waiting:
            if len(self._running) >= AT_ONCE:
                oldest, (began, _) = next(iter(self._running.items()))
                if time.monotonic() - began < LEAST_SECONDS:
                    return
                self._end(oldest, "busy")
            _, connection = self._waiting.popleft()
            self._begin(connection)

    def _begin(self, connection: socket.socket) -> None:
        try:
            pid = os.fork()
        except OSError:
            # No process left for it; others may end soon.
            _say(connection, {"outcome": "busy"})
            connection.close()
            return
        if pid:
            self._running[pid] = (time.monotonic(), connection)
            return
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # Should the helper itself be killed: nobody else ends an attempt then.
            signal.alarm(int(self._seconds) + 2)
            self._control.close()
            os.close(0)
            for _, other in [*self._running.values(), *self._waiting]:
                other.close()
            _attempt(self._libs, connection)
        finally:
            os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold a password
    sys.stdout = sys.stderr
    Helper(socket.socket(fileno=os.dup(0)), float(sys.argv[1])).serve()
