"""Where a template says that code lies: a folder beside it. The CDK writes it into Metadata, beside an object in S3."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from flowd.sam.project import UNSUPPORTED
from flowd.sam.resources import Template

_ASSET = re.compile(r"([0-9a-f]{64})\.zip")


class Refused(Exception):
    """A resource cannot be had because of one of its properties."""

    def __init__(self, property_name: str, message: str, code: str = UNSUPPORTED) -> None:
        super().__init__(message)
        self.property = property_name
        self.code = code


def folder_of(template: Template, logical_id: str, properties: dict[str, Any], plain: str, default: str = "") -> str:
    """The folder, relative to the template. `plain` is CloudFormation's property, Code or Content; SAM's own is `plain`
    with Uri behind it. Raises Refused, Unresolvable."""
    if plain in properties:
        metadata = template.resources[logical_id].get("Metadata")
        asset = metadata.get("aws:asset:path") if isinstance(metadata, dict) else None
        given = None if isinstance(asset, str) else template.resolver.value(properties[plain])
        asset = asset if isinstance(asset, str) else _asset(given)
        if asset is None:
            raise Refused(plain, f"{_instead(given, plain)}, or use the CDK's assets")
        return posixpath.normpath(asset)
    value = template.resolver.value(properties.get(f"{plain}Uri", default))
    if not isinstance(value, str) or not value or value.startswith("s3://"):
        raise Refused(f"{plain}Uri", _instead(value, plain))
    return posixpath.normpath(value)


def _instead(code: Any, plain: str) -> str:
    """Where code lies that cannot be had from there, and what to do."""
    if isinstance(code, dict):
        bucket, key = (code.get(f"S3{name}", code.get(name)) for name in ("Bucket", "Key"))
        code = f"s3://{bucket}/{key}" if isinstance(bucket, str) and isinstance(key, str) else None
    if not isinstance(code, str) or not code:
        return f"{plain}Uri must be a folder beside the template"
    return (
        f"code in S3 ({code}) is not fetched; unpack it into a folder beside the template and name that in {plain}Uri"
    )


def _asset(code: Any) -> str | None:
    """The folder beside the template that the CDK made of an asset, by its key in S3: it writes Metadata only when its
    toolkit is around it."""
    key = code.get("S3Key") if isinstance(code, dict) else None
    found = _ASSET.fullmatch(key) if isinstance(key, str) else None
    return None if found is None else f"asset.{found[1]}"
