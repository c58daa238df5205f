# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeps clicks from being lost when the pointer goes on at once.

A window manager that raises windows by a click holds the pointer still (a synchronous grab) until it has seen the press. When press,
release and the way off the button all come before that, programs such as Xfce's panel take them for no click. A user's hand is
slower, but not a line that has stood still, nor a session that had no processor: all of it comes at once then. So the pointer is not
moved before the X server has handled the last release. Replaced are two names, when their module is loaded:

| name | why |
| --- | --- |
| xpra.x11.server.xtest_pointer.XTestPointerDevice.click | remembers which button was let go of |
| xpra.x11.server.xtest_pointer.XTestPointerDevice.move_pointer | waits until the display says that it is |
"""

import time
from typing import Any

MODULE = "xpra.x11.server.xtest_pointer"
# A window manager answers within some milliseconds; one that hangs must not hold up the session's other work with every click.
LONGEST_S = 0.5
PAUSE_S = 0.001


def mask(button: int) -> int:
    """The bit of a button in the state of X11's pointer, which has one for each of the first five."""
    return 0x80 << button if 1 <= button <= 5 else 0


def replace(module: Any) -> None:
    """Replaces the methods in the loaded module."""
    device = module.XTestPointerDevice
    original_click, original_move = device.click, device.move_pointer
    let_go = 0

    def click(button: int, pressed: bool, props: dict[str, Any]) -> None:
        nonlocal let_go
        original_click(button, pressed, props)
        let_go = let_go & ~mask(button) if pressed else let_go | mask(button)

    def is_held_still() -> bool:
        with module.xsync:
            return (module.XTestBindings().query_mask() & let_go) != 0

    def move_pointer(x: int, y: int, props: dict[str, Any]) -> None:
        nonlocal let_go
        end = time.monotonic() + LONGEST_S
        while let_go and is_held_still() and time.monotonic() < end:
            time.sleep(PAUSE_S)
        let_go = 0
        original_move(x, y, props)

    device.click = staticmethod(click)
    device.move_pointer = staticmethod(move_pointer)
