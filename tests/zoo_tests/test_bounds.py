"""What a configuration asks for is bounded before anything is allocated."""

import json
import resource
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

import genzoo
from genzoo.core import Space
from genzoo.zoo.bounds import bounded
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import recipe_named


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    return genzoo.train("realnvp", "moons", steps=1, device="cpu", out=path).path


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("recipe", "arguments", "width"), 10**9, r"width of realnvp must be at most 1,048,576, got 1,000,000,000"),
        (("recipe", "arguments", "width"), 10**6, r"built in at most [\d,]+ bytes, got settings that need [\d,]+ or"),
        (("recipe", "arguments", "layers"), 10**6, r"built (in|of) at most [\d,]+ (bytes|parts)"),
        (("space", "shape"), [10**9], "at most 134,217,728 entries, got 1,000,000,000"),
        (("space", "shape"), [1] * 40, "at most 16 axes, got 40"),
        (("space", "levels"), 10**12, "at most 2,147,483,648 levels, got 1,000,000,000,000"),
        (("stages",), 10**9, "less than or equal to 100"),
    ],
    ids=str,
)
def test_a_configuration_that_asks_for_too_much(
    trained: Path, tmp_path: Path, place: tuple[str, ...], value: Any, said: str
) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    fields = json.loads((run / "config.json").read_text())
    inner = fields
    for key in place[:-1]:
        inner = inner[key]
    assert place[-1] in inner
    inner[place[-1]] = value
    (run / "config.json").write_text(json.dumps(fields))
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(Mistake, match=said):
        genzoo.load(run)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "in kilobytes"
    assert time.process_time() - began < 5


def test_a_training_that_asks_for_too_much(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=r"built in at most [\d,]+ bytes, got settings that need"):
        genzoo.train("realnvp", "moons", steps=1, device="cpu", out=tmp_path / "run", settings={"width": 10**6})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["gaussian_mixture", "vae", "realnvp"])
def test_what_is_built_in_bounds_is_the_same(name: str) -> None:
    from genzoo.core import seeded

    def built() -> dict[str, Any]:
        with seeded(0):
            return dict(recipe_named(name)(Space((2,))).model.state_dict())

    plain = built()
    with bounded(1 << 30):
        counted = built()
    assert all(plain[key].equal(counted[key]) for key in plain)
