"""`arn:aws:states:::sns:publish`, also `.waitForTaskToken`: a message to a topic, as recorded of AWS."""

from __future__ import annotations

from typing import Any, Final

from botocore.model import OperationModel

from flowd.clock import Clock
from flowd.integrations import answers
from flowd.integrations.optimised import Optimised, Profile
from flowd.integrations.ports import Cloud

_PROFILE: Final = Profile(
    service="sns",
    prefix="SNS",
    api="AmazonSNS",
    unmodelled="AmazonSNSException",
    actions={"publish": frozenset({"", "waitForTaskToken"})},
    metadata=None,
)
#: The answer of the service is XML: so long around its values, and so long around each of them but the tag's name.
_FRAME: Final = 230
_TAGS: Final = 10


class Sns(Optimised):
    """Publish."""

    def __init__(self, cloud: Cloud, clock: Clock) -> None:
        super().__init__(_PROFILE, cloud, clock)

    def _shown(self, operation: OperationModel, body: dict[str, Any]) -> dict[str, Any]:
        shown = super()._shown(operation, body)
        length = _FRAME + sum(_TAGS + 2 * len(name) + len(str(value)) for name, value in shown.items())
        return {**shown, **answers.http_metadata(length, self._clock.now_ms(), "text/xml")}
