"""How a topic's message reaches a person: by mail or any messenger that the library apprise can speak to.

An endpoint is an apprise URL (`slack://...`), or an address, which needs to know through which mail server. apprise is
an extra (`pip install 'flowd[people]'`); a box that tells nobody needs none of it.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any
from urllib.parse import quote

from flowd.engine.deliveries.outcomes import Attempt, Carrier, Refused
from flowd.errors import FlowdError
from flowd.services.ports import Delivery

_INSTALL = "mail and messengers need the library apprise: pip install 'flowd[people]', then restart the daemon"
_NO_SERVER = 'say through which mail server: [sns] mail = "mailtos://USER:PASSWORD@HOST" in flowd.toml'


class NotTaken(FlowdError):
    """The mail server or messenger did not take it; it is tried again."""


def to_people(mail: str | None) -> Carrier:
    """`mail`: the apprise URL of the server that sends to plain addresses."""

    async def carry(delivery: Delivery, attempt: Attempt) -> None:
        url = url_of(delivery.target.split(":", 5)[5], mail)
        told = await asyncio.to_thread(_tell, url, str(delivery.options.get("subject", "")), delivery.body)
        if not told:
            raise NotTaken(f"{url.partition('://')[0]} did not take the message; the daemon's log says why")

    return carry


def url_of(endpoint: str, mail: str | None) -> str:
    """The apprise URL of an endpoint. Raises Refused."""
    if "://" in endpoint:
        return endpoint
    if mail is None:
        raise Refused(_NO_SERVER, "NO_MAIL_SERVER")
    as_text = "" if "format=" in mail else "&format=text"  # as SNS does; apprise's own default for mail is HTML
    return f"{mail}{'&' if '?' in mail else '?'}to={quote(endpoint)}{as_text}"


def _tell(url: str, subject: str, text: str) -> bool:
    try:
        apprise: Any = importlib.import_module("apprise")
    except ImportError:
        raise Refused(_INSTALL, "NO_LIBRARY") from None
    messenger = apprise.Apprise()
    if not messenger.add(url):
        raise Refused(f"apprise knows no messenger for URLs that begin {url.partition('://')[0]}://", "NO_MESSENGER")
    return bool(messenger.notify(body=text, title=subject, body_format="text"))
