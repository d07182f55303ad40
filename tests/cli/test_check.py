"""`flowd check` on one definition, in process."""

import json

from flowd.cli import check


def test_a_resource_that_a_template_fills_in_is_refused_with_the_way_out() -> None:
    task = {"Type": "Task", "Resource": "${Press}", "End": True}
    found = check.check_definition(json.dumps({"StartAt": "Press", "States": {"Press": task}}), yaml=False)
    assert [each.severity for each in found] == ["ERROR"]
    assert "check the template's folder" in found[0].message
