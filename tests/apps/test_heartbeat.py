"""What takes long says so within its first seconds."""

import logging
import time

import pytest

from genzoo._memory import by_part
from genzoo.apps.cli.heartbeat import PROGRESS, Heartbeat


def test_what_goes_on_is_said_until_it_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    with Heartbeat("evaluate", first=0.02, pause=0.02) as beat:
        beat.say("reading the data")
        time.sleep(0.2)
        for _ in by_part(3, 2, range):
            time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("evaluate: reading the data (")
    assert any(line.startswith("evaluate: 2 of 3 rows are done (") for line in lines)
    time.sleep(0.05)
    assert capsys.readouterr().err == ""
    assert not logging.getLogger(PROGRESS).handlers


def test_what_is_quick_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Heartbeat("score", first=60):
        pass
    assert capsys.readouterr().err == ""
