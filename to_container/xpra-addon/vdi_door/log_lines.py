# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeps Xpra's prose from looking like a line of record.py, which programs read, and from washing those lines out of the log.

Xpra prints what a connection said as it is, before anybody has signed in: a line break in it and an object of JSON after that would
be, for every reader of the log, a sign-in that never was. And whoever has ten lines printed for each small packet fills the few
megabytes that a node keeps of a container's log.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

# A container's engine cuts lines at 16 KiB, and what comes after the cut begins a line as well. A character has up to four bytes.
LONGEST_LINE = 4000
MOST_LINES = 200
LONGEST_ENTRY = 64_000
LINES_A_SECOND = 50
BURST = 1000


def prose(text: str) -> str:
    """The text, with a mark before each line that begins with a brace, and without the ends of what is too long."""
    # At every character that some reader takes for the end of a line.
    lines = text[:LONGEST_ENTRY].splitlines()
    if len(text) > LONGEST_ENTRY or len(lines) > MOST_LINES:
        lines[MOST_LINES:] = ["…"]
    return "\n".join(map(_line, lines))


def _line(text: str) -> str:
    # A reader of JSON skips blanks.
    marked = f"| {text}" if text.lstrip().startswith("{") else text
    return marked if len(marked) <= LONGEST_LINE else f"{marked[:LONGEST_LINE]} …"


class Rate:
    """How many lines there may be, as time goes by. An entry is written as a whole, and what it was too long is owed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left = float(BURST)
        self._since = clock()
        self._left_out = 0

    def may_write(self) -> bool:
        with self._lock:
            now = self._clock()
            self._left = min(BURST, self._left + (now - self._since) * LINES_A_SECOND)
            self._since = now
            if self._left < 1:
                self._left_out += 1
                return False
            return True

    def written(self, text: str) -> int:
        """Takes the text's lines off; how many entries were left out before it, told once."""
        with self._lock:
            self._left -= len(text.splitlines())
            left_out, self._left_out = self._left_out, 0
            return left_out


_rate = Rate()


class Prose(logging.Formatter):
    """Formats whole entries, with their tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        text = prose(super().format(record))
        left_out = _rate.written(text)
        return f"{left_out} entries of this log were left out here: there were too many\n{text}" if left_out else text


def _sparing(write: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def call_handlers(logger: Any, record: Any) -> None:
        if _rate.may_write():
            write(logger, record)

    return call_handlers


def _thread_died(died: Any) -> None:
    # Python's own prints the error's text as it is.
    if died.exc_type is not SystemExit:
        name = died.thread.name if died.thread else "?"
        logging.error("Error: thread %s ended", name, exc_info=(died.exc_type, died.exc_value, died.exc_traceback))


def install() -> None:
    """Before Xpra is imported: it makes its formatters itself, once more for each change of its log's form."""
    logging.Formatter = Prose  # type: ignore[misc]
    logging.Logger.callHandlers = _sparing(logging.Logger.callHandlers)  # type: ignore[method-assign]
    sys.excepthook = lambda kind, error, trace: logging.error("Error: the proxy ended", exc_info=(kind, error, trace))
    threading.excepthook = _thread_died
