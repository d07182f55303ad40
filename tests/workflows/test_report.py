"""The nightly report, read through its SAM template as the daemon reads it."""

from __future__ import annotations

from pathlib import Path

from flowd.asl.parse import parse
from flowd.sam.project import Project
from flowd.sam.template import read_template
from tests.workflows.code import WORKFLOWS, Code
from tests.workflows.stage import START_MS, Stage, output, sample

FOLDER = WORKFLOWS / "report"
MODULES = {"report_collect": "collect", "report_summarise": "summarise", "report_write": "write"}


class Named(Code):
    """The template names functions as it likes; their modules are where its Handlers say."""

    def call(self, name: str, event: object) -> object:
        return super().call(MODULES[name], event)


def _project() -> Project:
    return read_template((FOLDER / "template.yaml").read_text(), source="report/template.yaml")


def _definition() -> str:
    (machine,) = _project().machines
    text = (FOLDER / str(machine.definition_path)).read_text()
    for name, value in machine.substitutions.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def test_the_template_has_nothing_that_flowd_does_not_know() -> None:
    project = _project()
    assert [problem for problem in project.problems if problem.severity == "ERROR"] == []
    assert {function.name: function.handler for function in project.functions} == {
        name: f"{module}.handler" for name, module in MODULES.items()
    }
    assert "${" not in _definition()
    parse(_definition())


def test_every_night_once_and_one_run_for_all_that_were_missed() -> None:
    (schedule,) = _project().schedules
    assert (schedule.machine, schedule.timezone) == ("nightly-report", "Europe/Berlin")
    assert (schedule.missed, schedule.overlap) == ("last", "skip")
    first = schedule.next_fire(START_MS)
    assert first is not None
    second = schedule.next_fire(first)
    assert second is not None and second - first == 24 * 3600 * 1000


def test_the_report_has_this_machine_s_figures_and_the_shop_s(tmp_path: Path) -> None:
    Code("orders/functions", tmp_path).call(
        "reserve_stock", {"orderId": "A-1", "lines": [{"sku": "lamp", "quantity": 1}]}
    )
    stage = Stage(_definition(), Named("report/src", tmp_path))
    made = output(stage.run(sample(FOLDER)))
    text = Path(made["markdown"]).read_text()
    assert text.startswith("# Nightly report, 2027-01-15")
    assert "| machine | disk free |" in text
    assert "| orders | parcels | 0 | count |" in text
    assert made["problems"] == 0


def test_a_source_that_fails_is_named_in_the_report_and_costs_nothing_else(tmp_path: Path) -> None:
    stage = Stage(_definition(), Named("report/src", tmp_path))
    made = output(stage.run({"title": "T", "sources": ["machine", "weather"]}))
    assert (made["rows"], made["problems"]) == (7, 1)
    assert "Not collected: weather: UnknownSource" in Path(made["markdown"]).read_text()
