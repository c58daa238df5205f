# SPDX-License-Identifier: GPL-2.0-or-later
"""The door: what this distribution adds to an Xpra proxy, without editing a file of Xpra.

Read replaced.py first: it lists every name of Xpra that is replaced, and why.
"""
