"""Whatever a file holds, opening it gives a valid result or one of genzoo's own errors; `benchmarks/hostile.py` asks
the same of many more cases."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genzoo
from tests.fresh import Fresh
from tests.hostile import KINDS, RUN_KINDS, Kind, mutated, packed_kind, run_kind, trial

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
def test_runs(name: str, trained: Path, tmp_path: Path) -> None:
    hold(run_kind(name, trained, tmp_path), tmp_path / "case", 8)


def test_compressed_files(tmp_path: Path) -> None:
    run = genzoo.train("bigram", "verse", steps=2, device="cpu", out=tmp_path / "run")
    hold(packed_kind(run, tmp_path), tmp_path / "case", 40)


BY_HAND = """
import json, logging, sys
from pathlib import Path
from benchmarks.hostile import EVENTS, by_hand, note

logging.disable(logging.CRITICAL)
sys.addaudithook(note)
found = by_hand(*map(Path, sys.argv[1:]))
print(json.dumps([{what: count.to_json() for what, count in found.items()}, EVENTS]))
"""


def test_handmade(trained: Path, tmp_path: Path, fresh: Fresh) -> None:
    """In a process of its own, whose memory is its own, and in which a hook may stay."""
    done = fresh(BY_HAND, trained, tmp_path)
    assert done.returncode == 0, done.stderr
    found, events = json.loads(done.stdout.splitlines()[-1])
    assert len(found) > 80
    assert [what for what, count in found.items() if count["typed"] != 1] == []
    assert [what for what, count in found.items() if count["seconds"] > 2 or count["megabytes"] > 200] == []
    assert events == {}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    return genzoo.train("gaussian_mixture", "moons", steps=8, checkpoint_every=4, device="cpu", out=path).path
