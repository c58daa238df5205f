# SPDX-License-Identifier: GPL-2.0-or-later
"""What a client's hello asks for, and what of it may go on. Pure: nothing of Xpra is imported here.

Any signed-in client can put anything into its hello. A stock proxy obeys much of it: it starts sessions in itself
(`start-new-session`), runs control commands (`command_request`) and answers requests (`request`, `…_request`).
Here a hello either attaches to the user's own session or is refused in words.
"""

from collections.abc import Mapping
from typing import Any

LONGEST_DISPLAY = 256

# Obeyed by the proxy, meaningless to a session: taken out of an attach.
_DROPPED = frozenset(("start-new-session", "command_request", "request", "connect", "connect_test_request", "socket-path", "vdi-existing"))
_FALSE = frozenset((False, 0, None, "", b"", "no", "false", "off", "0"))


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _is_set(value: Any) -> bool:
    try:
        return value not in _FALSE
    except TypeError:  # a dict or a list, which cannot be looked up in a set
        return bool(value)


def asked_display(hello: Mapping[str, Any]) -> str:
    """The word after the last slash of the address (`wss://user@host/desktop`), or an empty string.

    Browsers and native clients before 6.5 send it as `display`, a string. From 6.5 on `display` is a dictionary of facts
    about the screen, and the word is `session.display`.
    """
    session = hello.get("session")
    if isinstance(session, Mapping):
        name = _text(session.get("display"))
        if name:
            return name[:LONGEST_DISPLAY]
    return _text(hello.get("display"))[:LONGEST_DISPLAY]


def only_existing(hello: Mapping[str, Any]) -> bool:
    """Whether the client comes back to a session: our page says so, and then no new one is started in its place."""
    return _is_set(hello.get("vdi-existing"))


def other_than_attach(hello: Mapping[str, Any]) -> str | None:
    """What the client wants instead of attaching (info, stop, control …), or None. Only an attach may create a session."""
    request = _text(hello.get("request"))
    if request:
        return request
    if _is_set(hello.get("command_request")):
        return "control"
    for key, value in hello.items():
        name = _text(key)
        if name.endswith("_request") and _is_set(value):
            return name[: -len("_request")]
    if "connect" in hello and not _is_set(hello["connect"]):
        return "start"
    return None


def without_orders(hello: Mapping[str, Any], username: str) -> dict[str, Any]:
    """The hello that goes on to the session: no orders to the proxy, and the user's name as the directory has it."""
    kept = {}
    for key, value in hello.items():
        name = _text(key)
        if name in _DROPPED or name.endswith("_request"):
            continue
        if name == "display" and not isinstance(value, Mapping):
            continue
        kept[name] = value
    kept["username"] = username
    return kept
