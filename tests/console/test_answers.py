from __future__ import annotations

from typing import Any

import pytest

from console import answers
from tests.console.fake import REFUND, prompt


def test_a_prompt_without_a_schema_asks_for_a_decision_and_a_comment() -> None:
    schema = answers.schema_of(prompt("1"))
    assert schema["properties"]["decision"]["enum"] == ["approve", "reject"]
    assert schema["required"] == ["decision"]


def test_choices_are_the_decisions() -> None:
    schema = answers.schema_of(prompt("1", choices=["1.9", {"Label": "Two", "Value": "2.0"}]))
    assert schema["properties"]["decision"]["enum"] == ["1.9", "2.0"]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, {"type": "string", "enum": ["a"]}),
        (
            {"type": "object", "properties": {"x": {"type": "string"}}},
            {"type": "object", "properties": {"x": {"type": "string", "enum": ["a"]}}},
        ),
        ({"type": "object", "properties": {"x": {}, "y": {}}}, {"type": "object", "properties": {"x": {}, "y": {}}}),
        ({"type": "array"}, {"type": "array"}),
    ],
)
def test_choices_beside_a_schema_limit_what_they_fit_to(schema: Any, expected: Any) -> None:
    assert answers.schema_of(prompt("1", schema=schema, choices=["a"])) == expected


def test_an_open_token_takes_any_json() -> None:
    assert "properties" not in answers.schema_of(prompt("1", kind="token", schema=REFUND))


def test_a_schema_that_comes_as_text_is_read() -> None:
    assert answers.schema_of(prompt("1", schema='{"type": "string"}')) == {"type": "string"}


def test_the_comment_of_the_default_form_goes_into_the_audit() -> None:
    assert answers.comment_of(prompt("1"), {"decision": "approve", "comment": "fine"}) == "fine"
    assert answers.comment_of(prompt("1", schema=REFUND), {"comment": "theirs"}) == ""


def test_the_daemons_errors_find_their_fields() -> None:
    errors = [{"path": "$.approver.email", "message": "not an\x07 e-mail"}, {"message": "too late"}]
    assert answers.complaints(errors) == {("approver", "email"): "not an e-mail", (): "too late"}


def test_the_context_of_a_prompt_is_the_input_without_the_question_itself() -> None:
    asked: dict[str, Any] = {"kind": "prompt", "input": '{"Prompt": {"Title": "?"}, "total": "12 €"}'}
    assert answers.context_of(asked) == '{"total": "12 €"}'
    assert answers.context_of({**asked, "input": '{"Prompt": {"Title": "?"}}'}) is None
    assert answers.context_of({**asked, "kind": "token"}) == asked["input"]
    assert answers.context_of({"kind": "prompt"}) is None
