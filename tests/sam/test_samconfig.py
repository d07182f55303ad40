"""What samconfig.toml says of a template's parameters."""

from __future__ import annotations

import pytest

from flowd.sam.samconfig import Unreadable, overrides


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('"A=1 B=\\"2 3\\" C="', {"A": "1", "B": "2 3", "C": ""}),
        ('"ParameterKey=A,ParameterValue=1 ParameterKey=B,ParameterValue=x=y"', {"A": "1", "B": "x=y"}),
        ('["A=1 2", "B=\\"x\\"", "C=d e=f"]', {"A": "1 2", "B": "x", "C": "d e=f"}),
        ("{A = 1, B = true, C = [1, 2]}", {"A": "1", "B": "true", "C": "1,2"}),
        ('""', {}),
    ],
)
def test_overrides_are_a_text_a_list_or_a_table(given: str, expected: dict[str, str]) -> None:
    assert overrides(f"version = 0.1\n[default.deploy.parameters]\nparameter_overrides = {given}\n") == expected


def test_what_deploy_says_goes_before_what_all_commands_are_told() -> None:
    text = """
    [default.global.parameters]
    parameter_overrides = "A=1 B=1"
    [default.deploy.parameters]
    parameter_overrides = "B=2"
    stack_name = "shop"
    [prod.deploy.parameters]
    parameter_overrides = "A=3"
    """
    assert overrides(text) == {"A": "1", "B": "2"}


@pytest.mark.parametrize("text", ["", "version = 0.1", "default = 7", "[default.deploy]\nparameters = []"])
def test_a_file_that_says_nothing_of_parameters_gives_none(text: str) -> None:
    assert overrides(text) == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("7", "is a text, a list of texts, or a table"),
        ("[7]", "is a text, a list of texts, or a table"),
        ('"A"', "'A' is not NAME=VALUE"),
        ('"A=\'"', "No closing quotation"),
        ("{A = {}}", "is no value of a parameter"),
        ("", "it is not TOML"),
    ],
)
def test_what_cannot_be_read_says_why(given: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        overrides(f"[default.deploy.parameters]\nparameter_overrides = {given}")
