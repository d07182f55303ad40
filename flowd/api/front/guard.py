"""Who may come in: API keys, a rate per caller, browsers of other origins. Knows no route's work."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable

from flowd.api.front.requests import Problem, Reply, Request
from flowd.httpsettings import HttpSettings
from flowd.routes import Cors, Plan, Route

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
        digest = _digest(request.header.get(KEY_HEADER, ""))
        name = self._keys.get(digest)
        self._spend(
            f"key {name}" if name else f"address {request.source_ip}", self._settings.rate, self._settings.burst
        )
        plan, key = self._planned(route, digest, name)
        wanted = route is not None and (self._settings.require_key if route.key is None else route.key)
        # A key of the settings opens every route; one of a plan those of its API.
        if wanted and name is None and plan is None:
            raise Problem(403, "Forbidden", reason=f"the header {KEY_HEADER} is missing or is no key of this API")
        if plan is not None and wanted:
            self._spend(f"plan {plan.name} key {key}", plan.rate, plan.burst)
        name = name or (key if plan is not None else None)
        return f"http key {name}" if name else f"http {request.source_ip}"

    def _planned(self, route: Route | None, digest: bytes, name: str | None) -> tuple[Plan | None, str]:
        """The usage plan that the request's key is in, and the key's name there."""
        for plan in route.plans if route is not None else ():
            for key, secret in plan.keys.items():
                if (key == name) if not secret else _digest(secret) == digest:
                    return plan, key
        return None, ""

    def _spend(self, caller: str, rate: float, burst: int) -> None:
        """One of the caller's tokens: `rate` a second come back, up to `burst`."""
        if not rate:
            return
        now = self._clock_s()
        left, at = self._buckets.pop(caller, (float(burst), now))
        left = min(float(burst), left + (now - at) * rate)
        self._buckets[caller] = (max(left - 1, 0.0) if left >= 1 else left, now)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
        if left < 1:
            raise Problem(429, "Too Many Requests")

    def preflight(self, request: Request, methods: list[str], route: Route | None) -> Reply | None:
        """The answer to a browser that asks whether it may ask; None if the route that fits OPTIONS shall say it."""
        if request.method != "OPTIONS" or "access-control-request-method" not in request.header:
            return None
        own = route.cors if route is not None else None
        allowed = self._allowed(request, own)
        if not allowed and own is None and route is not None and _answers(route):
            return None
        if not allowed or not methods:
            return Reply(403 if methods else 404)
        every = "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT" if "ANY" in methods else ",".join([*methods, "OPTIONS"])
        asked = request.header.get("access-control-request-headers", f"content-type,{KEY_HEADER}")
        if own is not None:
            every, asked = ",".join(own.methods) or every, ",".join(own.headers) or asked
        more = [
            ("access-control-allow-methods", every),
            ("access-control-allow-headers", asked),
            ("access-control-max-age", str(own.max_age if own is not None else 600)),
        ]
        return Reply(204, b"", [*allowed, *more])

    def cors(self, request: Request, route: Route | None) -> list[tuple[str, str]]:
        """Headers that let the page that asks read the answer; none if its origin is not allowed."""
        own = route.cors if route is not None else None
        return self._allowed(request, own if own is not None and own.answers else None)

    def _allowed(self, request: Request, own: Cors | None) -> list[tuple[str, str]]:
        origin = request.header.get("origin")
        origins = (*self._settings.cors, *(own.origins if own is not None else ()))
        if origin is None or not ("*" in origins or origin in origins or _fits(origin, origins)):
            return []
        found = [("access-control-allow-origin", "*" if "*" in origins else origin), ("vary", "origin")]
        if own is not None and own.exposed:
            found.append(("access-control-expose-headers", ",".join(own.exposed)))
        if own is not None and own.credentials:
            found.append(("access-control-allow-credentials", "true"))
        return found


def _answers(route: Route) -> bool:
    """A route of a REST API that takes OPTIONS answers browsers itself, as on AWS."""
    return route.format == "1.0" or route.method == "OPTIONS"


def _fits(origin: str, origins: tuple[str, ...]) -> bool:
    """`https://*` and `http://*` stand for every origin of their scheme."""
    return f"{origin.partition('://')[0]}://*" in origins


def _digest(secret: str) -> bytes:
    """Looked up by digest: how long a comparison takes says nothing about the key."""
    return hmac.digest(b"flowd api key", secret.encode(), hashlib.sha256)
