# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks PAM, in a process of its own for every attempt. Run as a program; imports nothing of Xpra or of the door.

PAM modules wait (two seconds for a wrong password), hold Python's lock while they do, and keep global state. So the proxy starts
this small process once, and it forks for each attempt. An attempt comes as a socket, passed over standard input: the question is a
line of JSON on it, with the password, and the answer another. Nothing secret is ever in an argument or in the environment.
"""

import array
import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
from typing import Any

MOST_CHILDREN = 64

PAM_SUCCESS, PAM_BUF_ERR, PAM_PERM_DENIED, PAM_AUTH_ERR, PAM_CRED_INSUFFICIENT, PAM_AUTHINFO_UNAVAIL = 0, 5, 6, 7, 8, 9
PAM_USER_UNKNOWN, PAM_MAXTRIES, PAM_NEW_AUTHTOK_REQD, PAM_ACCT_EXPIRED, PAM_CONV_ERR = 10, 11, 12, 13, 19
PAM_RHOST, PAM_FAIL_DELAY = 4, 10
PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_ERROR_MSG, PAM_TEXT_INFO = 1, 2, 3, 4
PAM_SILENT = 0x8000
PAM_DISALLOW_NULL_AUTHTOK = 0x1

_OUTCOMES = {
    PAM_SUCCESS: "ok",
    PAM_AUTH_ERR: "credentials",
    PAM_CRED_INSUFFICIENT: "credentials",
    PAM_USER_UNKNOWN: "credentials",
    PAM_MAXTRIES: "credentials",
    PAM_CONV_ERR: "credentials",
    PAM_PERM_DENIED: "account",
    PAM_ACCT_EXPIRED: "account-expired",
    PAM_NEW_AUTHTOK_REQD: "password-expired",
}


class _Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]


class _Response(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("code", ctypes.c_int)]


_Converse = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.POINTER(_Message)), ctypes.POINTER(ctypes.POINTER(_Response)), ctypes.c_void_p
)
_Delay = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)


class _Conversation(ctypes.Structure):
    _fields_ = [("converse", _Converse), ("data", ctypes.c_void_p)]


def _load() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    # By name: ctypes.util.find_library would run ldconfig or a compiler.
    libc = ctypes.CDLL("libc.so.6")
    libc.calloc.restype = ctypes.c_void_p
    libc.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
    libc.strdup.restype = ctypes.c_void_p
    libc.strdup.argtypes = [ctypes.c_char_p]
    pam = ctypes.CDLL("libpam.so.0")
    handle = ctypes.c_void_p
    pam.pam_start.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(_Conversation), ctypes.POINTER(handle)]
    pam.pam_set_item.argtypes = [handle, ctypes.c_int, ctypes.c_void_p]
    for name in ("pam_authenticate", "pam_acct_mgmt", "pam_end"):
        getattr(pam, name).argtypes = [handle, ctypes.c_int]
    return libc, pam


def ask_pam(libs: tuple[ctypes.CDLL, ctypes.CDLL], question: dict[str, Any]) -> str:
    """`ok`, `credentials`, `account`, `account-expired`, `password-expired`, or `unavailable: PAM code`.

    Without a password in the question only the account is looked at (a ticket stands for the password then).
    """
    libc, pam = libs
    password = question.get("password")
    answered = 0

    def converse(count: int, messages: Any, responses: Any, _data: Any) -> int:
        nonlocal answered
        memory = libc.calloc(count, ctypes.sizeof(_Response))
        if not memory:
            return PAM_BUF_ERR
        answers = ctypes.cast(memory, ctypes.POINTER(_Response))
        for index in range(count):
            style = messages[index].contents.style
            if style in (PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON):
                # One secret is all there is: a module that asks for more than one cannot be answered.
                if style == PAM_PROMPT_ECHO_ON or password is None or answered:
                    return PAM_CONV_ERR
                answered += 1
                answers[index].text = libc.strdup(password.encode("utf-8"))
        responses[0] = answers
        return PAM_SUCCESS

    conversation = _Conversation(_Converse(converse), None)
    handle = ctypes.c_void_p()
    code = pam.pam_start(
        question["service"].encode("ascii"), question["user"].encode("utf-8"), ctypes.byref(conversation), ctypes.byref(handle)
    )
    if code != PAM_SUCCESS:
        return f"unavailable: pam_start {code}"
    # The proxy waits after a failure, where it costs a timer and not a process.
    no_delay = _Delay(lambda _code, _microseconds, _data: None)
    pam.pam_set_item(handle, PAM_FAIL_DELAY, ctypes.cast(no_delay, ctypes.c_void_p))
    address = question.get("address") or ""
    if address:
        pam.pam_set_item(handle, PAM_RHOST, ctypes.cast(ctypes.c_char_p(address.encode("ascii", "replace")), ctypes.c_void_p))
    flags = PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK
    if password is not None:
        code = pam.pam_authenticate(handle, flags)
    if code == PAM_SUCCESS:
        code = pam.pam_acct_mgmt(handle, flags)
    pam.pam_end(handle, code)
    return _OUTCOMES.get(code, f"unavailable: PAM {code}")


def _attempt(libs: tuple[ctypes.CDLL, ctypes.CDLL], connection: socket.socket) -> None:
    data = b""
    while not data.endswith(b"\n"):
        piece = connection.recv(65536)
        if not piece or len(data) > 65536:
            return
        data += piece
    question = json.loads(data)
    signal.alarm(int(question.get("seconds", 20)) + 1)
    connection.sendall(json.dumps({"outcome": ask_pam(libs, question)}).encode("ascii") + b"\n")


def _reap(children: set[int]) -> None:
    while children:
        pid, _ = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        children.discard(pid)


def serve(control: socket.socket) -> None:
    """Takes sockets from `control` until it is closed."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold a password
    libs = _load()
    children: set[int] = set()
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        ready = poll.poll(1000 if children else None)
        _reap(children)
        if not ready:
            continue
        descriptors = array.array("i")
        data, ancillary, _flags, _address = control.recvmsg(1, socket.CMSG_LEN(descriptors.itemsize))
        if not data:
            return
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(content[: descriptors.itemsize])
        for descriptor in descriptors:
            with socket.socket(fileno=descriptor) as connection:
                if len(children) >= MOST_CHILDREN:
                    connection.sendall(b'{"outcome":"busy"}\n')
                    continue
                pid = os.fork()
                if pid:
                    children.add(pid)
                    continue
                try:
                    control.close()
                    signal.alarm(10)  # for the question; the question itself says how long PAM may take
                    _attempt(libs, connection)
                finally:
                    os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr
    serve(socket.socket(fileno=os.dup(0)))
