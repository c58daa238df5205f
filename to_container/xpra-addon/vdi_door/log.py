# SPDX-License-Identifier: GPL-2.0-or-later
"""Xpra's own log inside Xpra, plain lines to standard error elsewhere (unit tests). Nothing secret is ever handed to it."""

import sys
from typing import Any, Protocol


class Log(Protocol):
    def info(self, message: str, *values: Any) -> None: ...
    def warn(self, message: str, *values: Any) -> None: ...
    def error(self, message: str, *values: Any) -> None: ...


class _Plain:
    def info(self, message: str, *values: Any) -> None:
        print(message % values if values else message, file=sys.stderr)

    warn = error = info


def _find() -> Log:
    try:
        from xpra.log import Logger
    except ImportError:
        return _Plain()
    logger: Log = Logger("proxy")
    return logger


log = _find()
