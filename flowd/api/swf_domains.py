"""SWF domains: register, deprecate, bring back, describe, list, and their tags."""

from __future__ import annotations

from typing import Any

from flowd import names
from flowd.api import swf_render
from flowd.api.services import Services
from flowd.api.swf_pages import page
from flowd.api.wire.answers import Body
from flowd.api.wire.caller import Caller
from flowd.swf import faults
from flowd.swf.registration import Domain, check_status, with_tags
from flowd.swf.rules import NONE


async def register_domain(do: Services, request: Any, caller: Caller) -> None:
    tags = {tag.key: tag.value or "" for tag in request.tags or ()}
    retention = request.workflowExecutionRetentionPeriodInDays
    await do.core.swf.register_domain(request.name, retention, request.description, tags)


async def deprecate_domain(do: Services, request: Any, caller: Caller) -> None:
    await do.core.swf.deprecate_domain(request.name)


async def undeprecate_domain(do: Services, request: Any, caller: Caller) -> None:
    await do.core.swf.undeprecate_domain(request.name)


async def describe_domain(do: Services, request: Any, caller: Caller) -> Body:
    found = do.core.swf.domain(request.name)
    days = str(found.retention_days) if found.retention_days else NONE
    return {
        "domainInfo": swf_render.domain_info(found, _arn(do, found)),
        "configuration": {"workflowExecutionRetentionPeriodInDays": days},
    }


async def list_domains(do: Services, request: Any, caller: Caller) -> Body:
    """By name."""
    status = check_status(request.registrationStatus)
    found = sorted((each for each in do.core.swf.domains if each.status == status), key=lambda each: each.name)
    return page(
        do,
        request,
        f"ListDomains {status}",
        "domainInfos",
        [swf_render.domain_info(each, _arn(do, each)) for each in found],
    )


def _arn(do: Services, domain: Domain) -> str:
    return names.swf_domain_arn(domain.name, do.core.swf.region, do.core.swf.account)


# -- tags -----------------------------------------------------------------------


def _tagged(do: Services, arn: str) -> Domain:
    """Only domains have tags; region and account of the ARN do not matter."""
    parts = names.split_arn(arn)
    if parts is None or parts.service != "swf" or not parts.resource.startswith("/domain/"):
        known = names.swf_domain_arn("NAME")
        raise faults.UnknownResourceFault(f"Unknown resource: {arn}; only domains have tags, as {known}")
    return do.core.swf.domain(parts.resource.removeprefix("/domain/"))


async def tag_resource(do: Services, request: Any, caller: Caller) -> None:
    new = {tag.key: tag.value or "" for tag in request.tags}
    domain = _tagged(do, request.resourceArn)
    await do.core.swf.set_tags(domain.name, lambda tags: with_tags(tags, new))


async def untag_resource(do: Services, request: Any, caller: Caller) -> None:
    """Keys that are not there are fine."""
    gone = set(request.tagKeys)
    domain = _tagged(do, request.resourceArn)
    await do.core.swf.set_tags(domain.name, lambda tags: {key: tags[key] for key in tags if key not in gone})


async def list_tags_for_resource(do: Services, request: Any, caller: Caller) -> Body:
    found = _tagged(do, request.resourceArn)
    return {"tags": [{"key": key, "value": value} for key, value in found.tags.items()]}


OPERATIONS = {
    "RegisterDomain": register_domain,
    "DeprecateDomain": deprecate_domain,
    "UndeprecateDomain": undeprecate_domain,
    "DescribeDomain": describe_domain,
    "ListDomains": list_domains,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}
