"""`flowd story`: it tells the whole order, and says what went wrong where it cannot."""

from __future__ import annotations

import sys

import pytest

from flowd.cli import story


@pytest.mark.slow
def test_the_story_ends_well_through_a_kill_of_the_daemon(capfd: pytest.CaptureFixture[str]) -> None:
    code = story.main([])
    told = capfd.readouterr()
    assert code == 0, told.err
    assert "kill -9" in told.out
    assert "SUCCEEDED" in told.out
    assert "LambdaFunctionFailed" in told.out  # the hiccups that Retry got over are in the history


def test_a_daemon_that_does_not_start_is_a_failure_with_its_log(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story, "_flowd", lambda: [sys.executable, "-c", "raise SystemExit('no room left')"])
    assert story.main([]) == 1
    said = capfd.readouterr().err
    assert "the daemon ended by itself" in said
    assert "no room left" in said


def test_a_wait_in_vain_is_a_failure_that_says_for_what(tmp_path_factory: pytest.TempPathFactory) -> None:
    stage = story.Stage(tmp_path_factory.mktemp("s"), story.EXAMPLES)
    with pytest.raises(story.StoryError, match="until the moon is full"):
        stage.until("the moon is full", lambda: None, 0.05)
    stage.stop()
