"""Encryption keys of machines and activities. They are kept and shown; flowd encrypts nothing and asks no KMS."""

from __future__ import annotations

import json
from typing import Any, Final

from flowd.api.wire.answers import Body, present
from flowd.errors import InvalidEncryptionConfiguration

OWNED: Final = "AWS_OWNED_KEY"


def written(given: Any) -> str:
    """An encryptionConfiguration of a request as it is stored: JSON text, `{}` for none.

    Raises InvalidEncryptionConfiguration for a key of one's own that is not named (API reference, Errors of
    CreateStateMachine); how long it may be reused is checked with the request.
    """
    if given is None:
        return "{}"
    if given.type != OWNED and given.kmsKeyId is None:
        raise InvalidEncryptionConfiguration(
            f"Invalid Encryption Configuration: kmsKeyId is needed with the type {given.type}"
        )
    kept = present(
        kmsKeyId=given.kmsKeyId,
        kmsDataKeyReusePeriodSeconds=given.kmsDataKeyReusePeriodSeconds,
        type=given.type,
    )
    return json.dumps(kept)


def shown(text: str) -> Body:
    """What descriptions show of what `written` made."""
    kept: Body = json.loads(text)
    return kept or {"type": OWNED}
