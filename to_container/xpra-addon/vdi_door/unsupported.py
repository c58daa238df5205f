# SPDX-License-Identifier: GPL-2.0-or-later
"""Apart from compat.py, whose own import is what may fail with it."""


class Unsupported(Exception):
    """This Xpra lacks a name that the door replaces or uses; the message says which."""
