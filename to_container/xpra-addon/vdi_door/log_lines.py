# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeps Xpra's prose from looking like a line of record.py, which programs read.

Xpra prints what a connection said as it is, before anybody has signed in: a line break in it and an object of JSON after that would
be, for every reader of the log, a sign-in that never was. Pure.
"""

import logging
import re
import sys
import threading
from typing import Any

# Every character that some reader takes for the end of a line, and the blanks that a reader of JSON skips.
_LOOKS_LIKE_RECORD = re.compile("(^|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])(?=\\s*\\{)")


def prose(text: str) -> str:
    """The text, with a mark before each brace that begins a line."""
    return _LOOKS_LIKE_RECORD.sub(r"\1| ", text)


class Prose(logging.Formatter):
    """Formats whole entries, with their tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return prose(super().format(record))


def _thread_died(died: Any) -> None:
    # Python's own prints the error's text as it is.
    if died.exc_type is not SystemExit:
        name = died.thread.name if died.thread else "?"
        logging.error("Error: thread %s ended", name, exc_info=(died.exc_type, died.exc_value, died.exc_traceback))


def install() -> None:
    """Before Xpra is imported: it makes its formatters itself, once more for each change of its log's form."""
    logging.Formatter = Prose  # type: ignore[misc]
    sys.excepthook = lambda kind, error, trace: logging.error("Error: the proxy ended", exc_info=(kind, error, trace))
    threading.excepthook = _thread_died
