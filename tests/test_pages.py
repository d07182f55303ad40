"""The pages hold together: links lead somewhere, every example has its files, `make` lists what README promises."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("workflows/*/*.md")]
DEFINITIONS = sorted(ROOT.glob("workflows/*/*.asl.json"))


def _anchor(heading: str) -> str:
    """GitHub's anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file_and_its_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path) if path else page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
            assert anchor in map(_anchor, headings), target


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda path: path.parent.name)
def test_an_example_has_a_sample_input_and_a_page_that_names_it(definition: Path) -> None:
    name = definition.name.removesuffix(".asl.json")
    json.loads((definition.parent / f"{name}.input.json").read_text())
    page = (definition.parent / f"{name}.md").read_text()
    assert f"flowd start {name} --input @workflows/{definition.parent.name}/{name}.input.json" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_table_begins_with_its_head(page: Path) -> None:
    """Rows behind a text or an empty line are shown as text with bars."""
    blocks = re.findall(r"(?:^\|.*\n)+", page.read_text(), re.MULTILINE)
    assert [block for block in blocks if not re.match(r"\|.*\n\|[ |-]+\n", block)] == []


def test_every_page_of_the_documentation_is_in_its_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    assert [page.name for page in ROOT.glob("docs/*.md") if page.name != "index.md" and page.name not in index] == []


def test_the_page_on_the_architecture_names_every_module_beside_the_packages_and_none_that_is_gone() -> None:
    named = re.findall(r"`([^`]+)`", (ROOT / "docs" / "architecture.md").read_text())
    modules = {path.stem for path in (ROOT / "flowd").glob("[!_]*") if path.suffix == ".py" or path.is_dir()}
    assert modules - set(named) == set()
    places = [name for name in named if re.fullmatch(r"\w+(/\w+)+(\.\w+)?|\w+/", name)]
    assert [name for name in places if not any(_stands_for(root / name) for root in (ROOT, ROOT / "flowd"))] == []


def _stands_for(path: Path) -> bool:
    return path.exists() or path.with_suffix(".py").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_alone_lists_the_targets_that_readme_names() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True).stdout
    targets = set(re.findall(r"^  make (\w+)", listed, re.MULTILINE))
    assert {"run", "test", "check", "snap", "bench", "clean"} <= targets
    assert set(re.findall(r"(?:^    |`)make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE)) <= targets
