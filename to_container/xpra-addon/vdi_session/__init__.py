# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs inside a session's Xpra. `sharing` is all there is; it is listed there what of Xpra it replaces."""
