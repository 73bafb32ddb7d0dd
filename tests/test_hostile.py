"""Whatever a file holds, opening it gives a valid result or one of genzoo's own errors; `benchmarks/hostile.py` asks
the same of many more cases."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genzoo
from tests.hostile import KINDS, RUN_KINDS, Kind, handmade, handmade_runs, mutated, run_kind, trial

pytestmark = pytest.mark.timeout(60)
EXAMPLES, SECONDS = 25, 5.0


def hold(kind: Kind, folder: Path, examples: int = EXAMPLES) -> None:
    whole = trial(kind, kind.content, folder)
    assert whole.outcome == "valid"

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    @given(st.randoms(use_true_random=True))
    def spoilt(draw: random.Random) -> None:
        content = mutated(kind, draw)
        found = trial(kind, content, folder)
        assert found.outcome in ("valid", "typed"), content[:2000]
        assert found.seconds < SECONDS, content[:2000]

    spoilt()


@pytest.mark.parametrize("name", KINDS)
def test_files(name: str, tmp_path: Path) -> None:
    hold(KINDS[name], tmp_path / "case")


@pytest.mark.parametrize("name", RUN_KINDS)
def test_runs(name: str, tmp_path_factory: pytest.TempPathFactory, trained: Path, tmp_path: Path) -> None:
    hold(run_kind(name, trained, tmp_path), tmp_path / "case", 8)


@pytest.mark.parametrize("what", handmade())
def test_handmade(what: str, tmp_path: Path) -> None:
    kind, content = handmade()[what]
    found = trial(KINDS[kind], content, tmp_path / "case")
    assert found.outcome == "typed"
    assert found.seconds < SECONDS


@pytest.mark.parametrize("what", handmade_runs())
def test_handmade_runs(what: str, trained: Path, tmp_path: Path) -> None:
    name, content = handmade_runs()[what]
    found = trial(run_kind(name, trained, tmp_path), content, tmp_path / "case")
    assert (found.outcome, found.seconds < SECONDS) == ("typed", True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    return genzoo.train("gaussian_mixture", "moons", steps=8, checkpoint_every=4, device="cpu", out=path).path
