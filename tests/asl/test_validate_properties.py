"""No text, no JSON and no broken member makes the validator fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowd.asl.validate import advise, invalid_definition_message, validate
from tests.asl.test_validate import ACTIVITY, FUNCTION, corpus
from tests.driver import Story

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["A", "B", "", "$", "$.x", "{% $states.input %}", "{% 1 + %}", "States.UUID()", "JSONata", "JSONPath"]
    ),
    st.sampled_from([FUNCTION, ACTIVITY, "arn:aws:states:::sqs:sendMessage.sync", "Task", "Map", "Choice", "Parallel"]),
    st.text(max_size=8),
)
WORDS = st.sampled_from(
    "StartAt States A B Type Next End Choices Default Branches ItemProcessor Iterator Retry Catch ErrorEquals Assign "
    "Parameters Output Resource TimeoutSeconds HeartbeatSeconds Variable And Not StringEquals IsNull ProcessorConfig "
    "Mode QueryLanguage ItemReader ItemBatcher ResultWriter Label Credentials Condition Items x.$".split()
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=6)),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON)
def test_no_json_makes_the_validator_fail(value: Any) -> None:
    text = json.dumps(value)
    for kind in ("STANDARD", "EXPRESS"):
        assert isinstance(invalid_definition_message(validate(text, type=kind)), str)
    advise(text)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(corpus("valid")), st.data())
def test_a_broken_member_anywhere_is_no_exception(file: Path, data: st.DataObject) -> None:
    machine = json.loads(file.read_text())
    holder: Any = machine
    while isinstance(holder, dict | list) and holder:
        key = data.draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
        if not isinstance(holder[key], dict | list) or not holder[key] or data.draw(st.booleans()):
            holder[key] = data.draw(JSON)
            break
        holder = holder[key]
    text = json.dumps(machine)
    if not any(diagnostic.severity == "ERROR" for diagnostic in validate(text)):
        machine["TimeoutSeconds"] = 3600
        story = Story(machine, {"x": 1, "items": [1, 2]}, event_limit=300).run()
        assert story.status is not None or story.tasks  # it ended, or somebody was asked who does not answer
        assert_well_formed(story)


def assert_well_formed(story: Story) -> None:
    """Ids are dense, each points back, and each line of control leaves a state at most once after it entered it."""
    inside: dict[str, str] = {}
    for number, event in enumerate(story.history, 1):
        assert event.id == number
        assert 0 <= event.previous < number
        if event.type.endswith("StateEntered"):
            inside[event.frame] = event.details["name"]
        elif event.type.endswith("StateExited"):
            assert inside.pop(event.frame, None) == event.details["name"]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='{}[]":,\\ntrue0.5e-/\ud800 \u00e9', max_size=60))
def test_no_text_makes_the_validator_fail(text: str) -> None:
    validate(text)
