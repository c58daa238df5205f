# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks through a packet before Xpra's decoders see it.

Those are compiled code that calls itself for what is in a list, believes a length that a packet names, and holds up everybody's threads
until it is done. Stock, a few hundred packed bytes from a stranger overflowed its stack, a dozen plain ones made it read beyond the
packet's end, and either ended the proxy with all of its clients.
"""

import re
from typing import Any, NamedTuple

from vdi_door import bounds, compat
from vdi_door.log import log
from vdi_door.record import Sparsely


class Limits(NamedTuple):
    """What one packet may become. An item takes at most a hundred bytes, a byte of text four (six while it is decoded)."""

    items: int
    text: int


# A hello has some thousands of items (a keyboard's keys) and up to 100 KB.
OF_STRANGERS = Limits(20_000, 512 * 1024)
OF_KNOWN = Limits(200_000, 8 * 1024 * 1024)
# Lists and dictionaries in each other: a hello has five or six.
DEEPEST = 100
LONGEST_TYPE = 64
# What is not looked through: so many lists in each other take a quarter of the smallest stack that a thread has.
SMALL = 1024
# Numbers beyond 64 bits and lists as keys can be chosen so that a dictionary has to compare each key with all others.
_COSTLY = 100
_LONGEST_NUMBER = 64
_not_taken = Sparsely(10.0)


class NotTaken(ValueError):
    """The packet is not decoded; why, in words of this file's own."""


# --- rencodeplus ---

_FLOAT64, _LIST, _DICT, _NUMBER, _END = 44, 59, 60, 61, 127
_FIRST_FIXED_DICT, _FIRST_FIXED_STRING, _FIRST_FIXED_LIST = 102, 128, 192
_HEAD = re.compile(rb"([0-9]{1,9})([:/])")
# A list or dictionary without a length of its own: more values than there can be, and an even number.
_OPEN = 1 << 40


def _steps() -> bytes:
    """How many bytes a token has, by its first one; 0 for those of which that does not say it."""
    steps = bytearray(256)
    for code in (*range(44), 67, 68, 69, *range(70, 102)):
        steps[code] = 1
    for code, size in ((62, 1), (63, 2), (64, 4), (65, 8), (66, 4), (_FLOAT64, 8)):
        steps[code] = 1 + size
    for size in range(_FIRST_FIXED_LIST - _FIRST_FIXED_STRING):
        steps[_FIRST_FIXED_STRING + size] = 1 + size
    return bytes(steps)


_STEPS = _steps()


def look_through_rencodeplus(data: bytes, limits: Limits) -> Limits:
    """The items and bytes of text in a packet. Raises NotTaken."""
    most_items, most_text = limits
    at = items = text = 0
    # Of the innermost list or dictionary: how many values are still to come, and whether they are keys and values in turn.
    left, pairs = 1, False
    outer: list[tuple[int, bool]] = []
    try:
        while True:
            while not left:
                if not outer:
                    if at > len(data):
                        raise NotTaken("cut off")
                    return Limits(items, text)
                left, pairs = outer.pop()
            code = data[at]
            if code == _END:
                if left <= _OPEN >> 1 or (pairs and left & 1):
                    raise NotTaken("malformed")
                at += 1
                left, pairs = outer.pop()
                continue
            left -= 1
            items += 1
            step = _STEPS[code]
            if step:
                at += step
                if code >= _FIRST_FIXED_STRING:
                    text += step
            elif 48 <= code <= 57:
                head = _HEAD.match(data, at)
                if head is None:
                    raise NotTaken("malformed")
                size = int(head[1])
                at = head.end() + size
                if head[2] == b":":
                    text += size
            elif code == _NUMBER:
                # As the decoder has it: the first 18 characters are not looked at.
                at = data.index(_END, at + 19, at + 1 + _LONGEST_NUMBER) + 1
                items += _COSTLY
            elif code >= _FIRST_FIXED_DICT or code in (_LIST, _DICT):
                if pairs and left & 1:
                    items += _COSTLY
                outer.append((left, pairs))
                if len(outer) > DEEPEST:
                    raise NotTaken("nested too deeply")
                at += 1
                if code >= _FIRST_FIXED_LIST:
                    left, pairs = code - _FIRST_FIXED_LIST, False
                elif code >= _FIRST_FIXED_DICT:
                    left, pairs = 2 * (code - _FIRST_FIXED_DICT), True
                else:
                    left, pairs = _OPEN, code == _DICT
            else:
                raise NotTaken("malformed")
            if items > most_items or text > most_text:
                raise NotTaken("too much in it")
    except (IndexError, ValueError) as error:
        raise error if isinstance(error, NotTaken) else NotTaken("cut off") from None


# --- bencode ---

_TOKEN = re.compile(rb"(?:(u?)(0|[1-9][0-9]{0,8}):|i(-?[0-9]{1,64})e|([lde]))")
_LONGEST_PLAIN = 19


def look_through_bencode(data: bytes, limits: Limits) -> Limits:
    """As the other. The decoder believes every length, in the smallest packet as well."""
    most_items, most_text = limits
    at = items = text = depth = 0
    while True:
        token = _TOKEN.match(data, at)
        if token is None:
            raise NotTaken("malformed")
        at = token.end()
        unicode, size, number, bracket = token.groups()
        if bracket == b"e":
            depth -= 1
            if depth < 0:
                raise NotTaken("malformed")
        else:
            items += 1
            if bracket:
                depth += 1
            elif size is not None:
                at += int(size)
                if at > len(data):
                    raise NotTaken("cut off")
                if unicode:
                    text += int(size)
            elif len(number) > _LONGEST_PLAIN:
                items += _COSTLY
            if depth > DEEPEST:
                raise NotTaken("nested too deeply")
            if items > most_items or text > most_text:
                raise NotTaken("too much in it")
        if depth == 0:
            if at != len(data):
                raise NotTaken("malformed")
            return Limits(items, text)


# --- the packet ---


def _limits() -> Limits:
    proto = bounds.taken_apart_here()
    return OF_STRANGERS if proto is None or bounds.is_stranger(proto) else OF_KNOWN


def _look_through(data: bytes, flags: int) -> None:
    if flags & compat.FLAGS_RENCODEPLUS:
        if len(data) > SMALL:
            look_through_rencodeplus(data, _limits())
    elif flags & (compat.FLAGS_RENCODE | compat.FLAGS_YAML):
        # Not in our image; in another one they would decode what nobody has looked through.
        raise NotTaken("its encoding is not spoken here")
    else:
        look_through_bencode(data, _limits())


def _checked(packet: Any) -> Any:
    """A list that begins with the packet's type. All others reach a client by another name than they were looked at by: a list of one
    text is that text for a browser, and a number stands for what the client has said."""
    if not isinstance(packet, (list, tuple)) or not packet:
        raise NotTaken("no packet")
    kind = packet[0]
    if not isinstance(kind, (str, bytes)) or not 0 < len(kind) <= LONGEST_TYPE:
        raise NotTaken("no packet's type")
    return packet


def decode(original: Any, data: Any, flags: int) -> Any:
    """Stands in for xpra.net.protocol.socket_handler.decode. What it raises ends the connection."""
    plain = data if isinstance(data, bytes) else bytes(data)
    try:
        _look_through(plain, flags)
        return _checked(original(plain, flags))
    except Exception as error:
        # Not the decoder's own words, which may repeat what was said.
        why = str(error) if isinstance(error, NotTaken) else type(error).__name__
        times = _not_taken.times(why)
        if times:
            log.info("%i connections sent a packet that is not taken (%s), and are closed", times, why)
        raise compat.InvalidPacketEncodingException(why) from None
