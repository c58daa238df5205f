#!/usr/bin/python3
"""Chromium, deaf to the networks of its machine: chromium.py [ARGUMENT…], with VDI_E2E_CHROMIUM as the program if it is set.

When an interface gets an address, Chromium gives up whatever it is about to fetch (ERR_NETWORK_CHANGED). Tests that run beside
each other make and remove networks of the container engine all the time. Without a netlink socket it hears nothing of them.
"""
import ctypes
import os
import platform
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
AF_NETLINK = 16
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 13
# By machine: the kernel's number for the architecture, and its number of the call socket().
CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}


def refuse_netlink():
    if platform.machine() not in CALLS:
        return
    architecture, socket_call = CALLS[platform.machine()]
    # Of what a filter sees: the call's number, the architecture behind it, and the first argument.
    steps = [
        (LOAD, 0, 0, 4), (JUMP_IF_EQUAL, 0, 5, architecture),
        (LOAD, 0, 0, 0), (JUMP_IF_EQUAL, 0, 3, socket_call),
        (LOAD, 0, 0, 16), (JUMP_IF_EQUAL, 0, 1, AF_NETLINK),
        (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    zero = ctypes.c_ulong(0)
    if prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero) or prctl(PR_SET_SECCOMP, ctypes.c_ulong(MODE_FILTER), program, zero, zero):
        raise OSError(ctypes.get_errno(), "netlink cannot be refused")


refuse_netlink()
chromium = os.environ.get("VDI_E2E_CHROMIUM", "/usr/bin/chromium")
os.execv(chromium, [chromium, *sys.argv[1:]])
