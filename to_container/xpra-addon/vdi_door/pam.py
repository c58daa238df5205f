# SPDX-License-Identifier: GPL-2.0-or-later
"""PAM, asked for one attempt. Used by pam_helper.py's processes only: modules wait, hold Python's lock and keep global state."""

import ctypes
from typing import Any

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
    PAM_ACCT_EXPIRED: "expired",
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


def load() -> tuple[ctypes.CDLL, ctypes.CDLL]:
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
    """`ok`, `credentials`, `account` (the rules say no: HBAC, pam_access), `expired`, `password-expired`, or `unavailable: PAM code`.

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
