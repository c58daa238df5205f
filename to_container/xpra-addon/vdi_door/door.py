# SPDX-License-Identifier: GPL-2.0-or-later
"""What the door consists of, made once at start and found by the parts that Xpra itself creates."""

from vdi_door.broker import Broker
from vdi_door.capacity import container_limits, room_for
from vdi_door.pam_client import PamClient
from vdi_door.places import Places
from vdi_door.record import record
from vdi_door.session import Prepared
from vdi_door.settings import Settings
from vdi_door.sign_in import SignIn
from vdi_door.ticket import TicketKey, Tickets
from vdi_door.www import Site


class Door:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.broker = Broker(settings.broker_socket)
        self.prepared = Prepared()
        most, by = (settings.max_clients, "XPRA_MAX_CLIENTS") if settings.max_clients else room_for(container_limits())
        self.places = Places(most)
        record("start", clients=most, by=by or "no limit")
        self.pam = PamClient(settings.pam_seconds)
        tickets = Tickets(
            TicketKey(settings.ticket_key), settings.ticket_audience, settings.ticket_seconds, settings.ticket_max_seconds
        )
        self.sign_in = SignIn(self.pam, tickets, settings.limit_by_address)
        self.site = Site(settings.www)
        # The PAM service of the listening socket's authentication: the page signs in by the same one.
        self.service = "xpra"


_door: Door | None = None


def open_door(settings: Settings) -> Door:
    global _door
    _door = Door(settings)
    return _door


def the_door() -> Door:
    if _door is None:
        raise RuntimeError("the door is not open yet")
    return _door
