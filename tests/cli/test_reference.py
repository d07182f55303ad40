"""The reference page of the commands names every command and every option there is, and no other."""

from __future__ import annotations

import argparse
import importlib
import re
from pathlib import Path

import pytest

from flowd.__main__ import COMMANDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text()


def _options(name: str) -> set[str]:
    parser = argparse.ArgumentParser(add_help=False)
    importlib.import_module(f"flowd.cli.{COMMANDS[name][0]}").COMMANDS[name].arguments(parser)
    return {option for action in parser._actions for option in action.option_strings}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_and_its_options_stand_in_the_reference(name: str) -> None:
    assert re.search(rf"`(flowd )?{name}\b", PAGE), name
    assert {option for option in _options(name) if f"{option}" not in PAGE} == set()


def test_the_reference_has_no_option_that_no_command_takes() -> None:
    every = {"--help"}.union(*map(_options, COMMANDS))
    assert set(re.findall(r"--[a-z][a-z-]*", PAGE)) <= every
