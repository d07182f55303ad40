"""The page of all integrations says what the code does: every row is on it, with its patterns and a page of its own."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from flowd.api.local import LocalOperations
from flowd.asl.validate_resources import OPTIMISED
from flowd.decisions import Pattern
from flowd.integrations.registry import ROWS, Registry
from tests.integrations.test_registry import PORTS

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "integrations"
COLUMNS: Final = 6
WAITING: Final[tuple[Pattern, ...]] = ("sync", "sync:2", "waitForTaskToken")
#: An operation that stands for all of a service that has many.
EXAMPLES: Final = {"aws-sdk": ("aws-sdk:sqs", "sendMessage"), "aws-sdk:sfn": ("aws-sdk:sfn", "describeExecution"),
                   "aws-sdk:swf": ("aws-sdk:swf", "listDomains")}  # fmt: skip
SERVICES: Final = sorted(set(ROWS) - {"flowd"})


class Everything(LocalOperations):
    """A daemon with all operations."""

    def offers(self, operation: str, service: str = "") -> bool:
        return True


def table() -> dict[str, list[str]]:
    """The cells of each row, by every Resource that its first cell names."""
    rows: dict[str, list[str]] = {}
    for line in (FOLDER / "index.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == COLUMNS and not line.startswith("| ---"):
            for name in re.findall(r"`([a-z-]+:[A-Za-z:-]+)`", cells[0]):
                rows[name.rpartition(":")[0].replace(":SERVICE", "")] = cells
    return rows


def actions(service: str) -> list[tuple[str, str]]:
    """Service and action of what the row of a service can be asked."""
    return [EXAMPLES[service]] if service in EXAMPLES else [(service, action) for action in OPTIMISED[service]]


@pytest.mark.parametrize("service", SERVICES)
def test_the_page_names_every_integration_with_the_patterns_that_it_takes(service: str) -> None:
    cells = table()[service]
    assert all(cells), cells
    told = {pattern for pattern in WAITING if f"`.{pattern}`" in cells[1]}
    registry = Registry.of(replace(PORTS, operations=Everything()))
    for name, action in actions(service):
        assert registry.refuse(name, action, "") is None
        assert {pattern for pattern in WAITING if registry.refuse(name, action, pattern) is None} == told, action


@pytest.mark.parametrize("service", SERVICES)
def test_each_integration_has_a_page_that_names_its_resource_errors_and_limits(service: str) -> None:
    link = re.search(r"\]\(([a-z-]+\.md)\)", table()[service][0])
    assert link is not None
    page = (FOLDER / link[1]).read_text()
    for word in (service, "rror", "refused", "daemon"):
        assert word in page, word
    if "waitForTaskToken" in table()[service][1]:
        assert ".waitForTaskToken" in page


def test_every_page_of_an_integration_is_linked_from_the_page_of_all_or_from_aws_sdk() -> None:
    linked = (FOLDER / "index.md").read_text() + (FOLDER / "aws-sdk.md").read_text()
    assert [page.name for page in FOLDER.glob("*.md") if page.name != "index.md" and page.name not in linked] == []
