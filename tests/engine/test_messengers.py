"""Mail and messengers: which URL an endpoint becomes, and what is said when nobody can be told."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from flowd.engine.deliveries.messengers import NotTaken, to_people, url_of
from flowd.engine.deliveries.outcomes import Attempt, Refused
from flowd.services.ports import Delivery


class Apprise:
    told: list[tuple[str, str, str]]

    def add(self, url: str) -> bool:
        self.url = url
        return not url.startswith("pigeon:")

    def notify(self, body: str, title: str, body_format: str) -> bool:
        assert body_format == "text"
        Apprise.told.append((self.url, title, body))
        return "broken" not in self.url


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    library = ModuleType("apprise")
    vars(library)["Apprise"] = Apprise
    monkeypatch.setitem(sys.modules, "apprise", library)
    Apprise.told = []
    return Apprise.told


def to(endpoint: str) -> Delivery:
    return Delivery(f"arn:aws:apprise:::{endpoint}", "text", options={"subject": "title"})


async def test_an_address_is_told_through_the_mail_server(told: list[tuple[str, str, str]]) -> None:
    await to_people("mailtos://u:p@host")(to("ann@example.org"), Attempt("k"))
    assert told == [("mailtos://u:p@host?to=ann%40example.org&format=text", "title", "text")]


async def test_a_messenger_is_told_by_its_own_url(told: list[tuple[str, str, str]]) -> None:
    await to_people(None)(to("slack://a/b/c:d"), Attempt("k"))
    assert told[0][0] == "slack://a/b/c:d"
    with pytest.raises(NotTaken):
        await to_people(None)(to("slack://broken"), Attempt("k"))
    with pytest.raises(Refused, match="no messenger"):
        await to_people(None)(to("pigeon://x"), Attempt("k"))


def test_an_address_without_a_mail_server_is_refused_with_the_way_out() -> None:
    with pytest.raises(Refused, match=r"\[sns\] mail"):
        url_of("ann@example.org", None)


async def test_without_the_library_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(Refused, match="pip install"):
        await to_people(None)(to("slack://x"), Attempt("k"))
