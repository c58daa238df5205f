"""Clicks on the panel's terminal button as Xpra does, and goes on at once, while the window manager has not seen the press.

Prints "started" or "lost". The window manager is stopped in between, which is what a busy machine does now and then.
"""

import subprocess
import sys
import threading
import time

import vdi_session
from vdi_session import pointer

# What this takes on a busy machine is not the question here.
pointer.LONGEST_S = 60
vdi_session.install()

from xpra.x11.bindings.display_source import init_display_source  # noqa: E402

init_display_source()

from xpra.x11.server.xtest_pointer import XTestPointerDevice  # noqa: E402

BUTTON, ELSEWHERE = (118, 14), (640, 700)


def signal(name: str, program: str) -> None:
    subprocess.run(["pkill", f"-{name}", "-x", program], check=False)


def starts(seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if subprocess.run(["pgrep", "-x", "xfce4-terminal"], stdout=subprocess.DEVNULL, check=False).returncode == 0:
            return True
        time.sleep(0.1)
    return False


def move(place: tuple[int, int]) -> None:
    XTestPointerDevice.move_pointer(*place, {})
    reach_the_display()


def button(pressed: bool) -> None:
    XTestPointerDevice.click(1, pressed, {})
    reach_the_display()


def reach_the_display() -> None:
    """What is sent waits for the next question, where no server of Xpra runs that asks one each time."""
    XTestPointerDevice.get_position()


def click(hold: float = 0, stay: float = 0) -> None:
    move(BUTTON)
    button(True)
    time.sleep(hold)
    button(False)
    time.sleep(stay)
    move(ELSEWHERE)


def until_the_panel_works() -> None:
    """With a user's slow clicks, of which the panel misses none once it is there."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        click(hold=0.1, stay=0.5)
        if starts(5):
            signal("KILL", "xfce4-terminal")
            return
    sys.exit("the panel starts nothing")


until_the_panel_works()
time.sleep(1)
signal("STOP", "xfwm4")
go_on = threading.Timer(0.3, signal, ("CONT", "xfwm4"))
go_on.start()
click()
go_on.join()
print("started" if starts(20) else "lost")
