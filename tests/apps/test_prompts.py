"""From captions in two languages to pictures of prompts, by the commands alone."""

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from genzoo.apps.cli import app
from genzoo.data.readers import embedded
from genzoo.zoo import load
from tests.nn.test_unet import woken

TEXT = "text=caption|caption_zh"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prompts") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "PICTURES", {"train": 300, "valid": 8, "test": 8})
        words = ["train", "text_to_image", "--data", "shapes", "--given", TEXT, "--hold-out", "color*shape:0.2"]
        small = ["--set", "width=32", "--set", "depth=1", "--set", "sampling_steps=1", "--steps", "2"]
        made = CliRunner().invoke(app, [*words, *small, "--out", str(path)])
        assert made.exit_code == 0, made.output
        assert "8 cells of color*shape:0.2 never train" in made.output
    return path


def drawn(run: Path, text: str, *more: str) -> tuple[str, int]:
    out = run / "a.png"
    found = CliRunner().invoke(
        app, ["sample", str(run), "--given", f"text={text}", "-n", "4", "--seed", "1", "--out", str(out), *more]
    )
    return found.output, found.exit_code


def test_a_prompt_in_either_language_makes_pictures(run: Path) -> None:
    for text in ("two red circles", "两个红圆"):
        output, code = drawn(run, text)
        assert (code, "were in training" in output) == (0, False), output
        with Image.open(run / "a.png") as picture:
            assert picture.mode == "RGB"


def test_a_prompt_is_kept_away_from_another(run: Path) -> None:
    given, guided = {"text": "a red star"}, {"guidance": 3.0}
    loaded = load(run).generative
    woken(loaded)  # two steps have taught it nothing
    plain = loaded.sample(2, given, seed=0, **guided)
    assert not loaded.sample(2, given, seed=0, **guided, against={"text": "a blue star"}).equal(plain)
    assert loaded.sample(2, given, seed=0, **guided, against={"text": ""}).equal(plain)  # none
    output, code = drawn(run, "a red star", "--set", "guidance=3", "--set", 'against={"text": "a blue star"}')
    assert code == 0, output


def test_what_a_prompt_cannot_be_is_told(run: Path) -> None:
    assert "an empty text is none" in drawn(run, "")[0]
    output, code = drawn(run, "красная звезда")
    assert (code, "7% of the characters" in output) == (0, True), output
    output, code = drawn(run, "a red star " * 9)
    assert (code, "symbols, got 99" in output) == (2, True), output
    output, code = drawn(run, "a \udcff star")
    assert (code, "half of one" in output) == (2, True), output
