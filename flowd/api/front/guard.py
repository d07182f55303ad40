"""Who may come in: API keys, a rate per caller, browsers of other origins. Knows no route's work."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable

from flowd.api.front.requests import Problem, Reply, Request
from flowd.httpsettings import HttpSettings
from flowd.routes import Route

KEY_HEADER = "x-api-key"
_CALLERS = 10_000  # whose rate is remembered


class Guard:
    """The front's door."""

    def __init__(self, settings: HttpSettings, clock_s: Callable[[], float]) -> None:
        """`clock_s` is a clock that never goes back."""
        self._settings = settings
        self._clock_s = clock_s
        self._keys = {_digest(secret): name for name, secret in settings.keys.items()}
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, request: Request, route: Route | None) -> str:
        """Who it is, for audit and rate; raises Problem. `route` None: one of the front's own pages."""
        name = self._keys.get(_digest(request.header.get(KEY_HEADER, "")))
        self._spend(f"key {name}" if name else f"address {request.source_ip}")
        wanted = route is not None and (self._settings.require_key if route.key is None else route.key)
        if wanted and name is None:
            raise Problem(403, "Forbidden", reason=f"the header {KEY_HEADER} is missing or is no key of this API")
        return f"http key {name}" if name else f"http {request.source_ip}"

    def _spend(self, caller: str) -> None:
        """One of the caller's tokens: `rate` a second come back, up to `burst`."""
        if not self._settings.rate:
            return
        now = self._clock_s()
        left, at = self._buckets.pop(caller, (float(self._settings.burst), now))
        left = min(float(self._settings.burst), left + (now - at) * self._settings.rate)
        self._buckets[caller] = (max(left - 1, 0.0) if left >= 1 else left, now)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
        if left < 1:
            raise Problem(429, "Too Many Requests")

    def preflight(self, request: Request, methods: list[str]) -> Reply | None:
        """The answer to a browser that asks whether it may ask."""
        if request.method != "OPTIONS" or "access-control-request-method" not in request.header:
            return None
        allowed = self.cors(request)
        if not allowed or not methods:
            return Reply(403 if methods else 404)
        every = "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT" if "ANY" in methods else ",".join([*methods, "OPTIONS"])
        asked = request.header.get("access-control-request-headers", f"content-type,{KEY_HEADER}")
        more = [
            ("access-control-allow-methods", every),
            ("access-control-allow-headers", asked),
            ("access-control-max-age", "600"),
        ]
        return Reply(204, b"", [*allowed, *more])

    def cors(self, request: Request) -> list[tuple[str, str]]:
        """Headers that let the page that asks read the answer; none if its origin is not allowed."""
        origin = request.header.get("origin")
        if origin is None or not ("*" in self._settings.cors or origin in self._settings.cors):
            return []
        shown = "*" if "*" in self._settings.cors else origin
        return [("access-control-allow-origin", shown), ("vary", "origin")]


def _digest(secret: str) -> bytes:
    """Looked up by digest: how long a comparison takes says nothing about the key."""
    return hmac.digest(b"flowd api key", secret.encode(), hashlib.sha256)
