# SPDX-License-Identifier: GPL-2.0-or-later
"""A packet of Xpra's protocol: a list whose first item says of which type it is. Pure."""

from typing import Any


def kind_of(packet: Any) -> Any:
    """A packet's type as text: bencode has it as bytes."""
    return packet[0].decode("latin1") if isinstance(packet[0], bytes) else packet[0]
