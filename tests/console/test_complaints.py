from __future__ import annotations

from console.complaints import check
from console.fields import fields_of
from tests.console.fake import REFUND


def test_complaints_stand_at_their_fields() -> None:
    found = fields_of(REFUND)
    raws = {("amount",): "900", ("retries",): "x", ("approver", "email"): ""}
    answer, wrong = check(REFUND, found, raws)
    assert answer == {"amount": 900, "approver": {}}
    assert wrong == {
        ("amount",): "900 is greater than the maximum of 500",
        ("retries",): "a whole number is needed",
        ("decision",): "required",
        ("approver", "email"): "required",
    }


def test_a_complaint_about_no_field_belongs_to_the_whole_form() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "minProperties": 1}
    _, wrong = check(schema, fields_of(schema), {})
    assert list(wrong) == [()]


def test_a_schema_nobody_can_check_is_left_to_the_daemon() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}
    answer, wrong = check(schema, fields_of(schema), {("a",): "x"})
    assert (answer, wrong) == ({"a": "x"}, {})
