# SPDX-License-Identifier: GPL-2.0-or-later
"""When a session's pointer goes on after a click. The display is a fake; session-image.test.ts does it on a real one."""

import unittest
from contextlib import nullcontext
from types import SimpleNamespace
from unittest import mock

from vdi_session import pointer


class Display:
    """A display whose window manager answers after some looks at the state of its buttons; a button that is held never goes up."""

    def __init__(self, looks_until_handled, held=0):
        self.looks = looks_until_handled
        self.held = held
        self.done = []

    def query_mask(self):
        self.looks -= 1
        self.done.append("look")
        return self.held | (0x100 if self.looks >= 0 else 0)


def device_on(display):
    class Device:
        @staticmethod
        def click(button, pressed, _props):
            display.done.append(f"{'press' if pressed else 'release'} {button}")

        @staticmethod
        def move_pointer(x, y, _props):
            display.done.append(f"move {x},{y}")

    module = SimpleNamespace(XTestPointerDevice=Device, XTestBindings=lambda: display, xsync=nullcontext())
    pointer.replace(module)
    return Device


def click_and_leave(device, button=1):
    device.click(button, True, {})
    device.click(button, False, {})
    device.move_pointer(5, 6, {})


class Pointer(unittest.TestCase):
    def test_the_pointer_goes_on_when_the_display_has_handled_the_release(self):
        display = Display(2)
        click_and_leave(device_on(display))
        self.assertEqual(display.done, ["press 1", "release 1", "look", "look", "look", "move 5,6"])

    def test_without_a_release_nothing_is_asked(self):
        display = Display(9)
        device = device_on(display)
        device.move_pointer(1, 2, {})
        device.click(1, True, {})
        device.move_pointer(3, 4, {})
        self.assertEqual(display.done, ["move 1,2", "press 1", "move 3,4"])

    def test_a_release_is_asked_about_once(self):
        display = Display(0)
        device = device_on(display)
        click_and_leave(device)
        device.move_pointer(7, 8, {})
        self.assertEqual(display.done[-3:], ["look", "move 5,6", "move 7,8"])

    def test_another_button_that_is_held_is_no_reason_to_wait(self):
        display = Display(0, held=0x400)
        click_and_leave(device_on(display))
        self.assertEqual(display.done[-2:], ["look", "move 5,6"])

    def test_buttons_that_the_state_has_no_bit_for_are_not_asked_about(self):
        display = Display(9)
        click_and_leave(device_on(display), button=8)
        self.assertEqual(display.done, ["press 8", "release 8", "move 5,6"])

    def test_a_window_manager_that_hangs_holds_nothing_up_for_ever(self):
        display = Display(1_000_000)
        with mock.patch.object(pointer, "LONGEST_S", 0.02):
            click_and_leave(device_on(display))
        self.assertEqual(display.done[-1], "move 5,6")


if __name__ == "__main__":
    unittest.main()
