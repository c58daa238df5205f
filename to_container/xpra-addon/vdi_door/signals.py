# SPDX-License-Identifier: GPL-2.0-or-later
"""The two functions that a proxy needs of Xpra's GTK package: signals, taken on the main loop.

The package itself loads GTK, for which a proxy without a screen has no use: 100 MB of the image.
"""

import signal
from collections.abc import Callable
from typing import Any

from vdi_door.log import log

_sources: dict[int, int] = {}


def register_os_signals(callback: Callable[[int], Any], commandtype: str = "", signals: Any = (signal.SIGINT, signal.SIGTERM)) -> None:
    """Has the callback called with the signal's number; a later callback takes an earlier one's place."""
    from gi.repository import GLib

    def taken(number: int) -> bool:
        log.info("%s got signal %s", commandtype or "the proxy", signal.Signals(number).name)
        callback(number)
        return True

    for number in signals:
        if number in _sources:
            GLib.source_remove(_sources[number])
        _sources[number] = GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, taken, number)


def register_SIGUSR_signals(commandtype: str = "Server") -> None:
    """Xpra writes its threads' stacks to the log on SIGUSR1. Here both signals do nothing."""
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
