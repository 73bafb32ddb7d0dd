"""A quiz: sides by lot, real pairs among them, one image for all pictures, a classifier asked the same."""

import base64
import io
import json
import re

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app
from genzoo.core import Noise
from genzoo.experiments.quiz import BOTH, quiz_of, write_quiz
from genzoo.zoo.mistakes import Mistake


@pytest.fixture(scope="module")
def data() -> genzoo.Data:
    return genzoo.read("digits")


def noise_like(n: int) -> torch.Tensor:
    return Noise(0).integers(17, n, 1, 8, 8).to(torch.uint8)


def test_the_real_one_is_where_the_key_says_and_each_picture_is_shown_once(data: genzoo.Data) -> None:
    made = noise_like(200)
    quiz = quiz_of(made, data, pairs=40, seed=3)
    real = {bytes(row.flatten().tolist()) for row in data.test.x}
    for pair, side in zip(quiz.pictures, quiz.real, strict=True):
        is_real = [bytes(picture.flatten().tolist()) in real for picture in pair]
        assert is_real == ([True, True] if side == BOTH else [side == 0, side == 1])
    assert quiz.real.count(BOTH) == 4
    assert 8 <= quiz.real.count(0) <= 28
    assert quiz.classifier > 0.9, "noise is no digit"
    assert len(quiz.pictures.flatten(0, 1).flatten(1).unique(dim=0)) == 80


def test_who_shows_real_pictures_as_made_ones_is_told_by_chance(data: genzoo.Data) -> None:
    found = [quiz_of(data.train.x[k * 300 : k * 300 + 300], data, pairs=100, seed=k).classifier for k in range(3)]
    assert sum(found) / 3 == pytest.approx(0.5, abs=0.15)


def test_nothing_on_the_page_betrays_the_answer(data: genzoo.Data, tmp_path) -> None:
    quiz = quiz_of(noise_like(200), data, pairs=20)
    page = write_quiz(quiz, data.codec, tmp_path / "quiz.html").read_text()
    sheets = re.findall(r"data:image/png;base64,([^\"]+)", page)
    assert len(sheets) == 1, "pictures of their own would have lengths of their own"
    with Image.open(io.BytesIO(base64.b64decode(sheets[0]))) as sheet:
        assert sheet.size == (16, 160)
        assert not sheet.info
    assert json.dumps(quiz.real) not in page
    assert not re.search(r"https?://|\bsrc=", page)
    key = re.search(r'key = "([^"]+)"', page)
    assert key is not None
    assert json.loads(base64.b64decode(key[1])) == quiz.real


def test_a_run_writes_its_quiz_and_few_rows_are_refused(data: genzoo.Data, tmp_path) -> None:
    genzoo.train("gaussian_mixture", "digits", given="label", steps=1, out=tmp_path / "run")
    done = CliRunner().invoke(app, ["quiz", str(tmp_path / "run"), "--pairs", "20"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "run" / "quiz.html").exists()
    with pytest.raises(Mistake, match="fewer --pairs"):
        quiz_of(noise_like(500), data, pairs=400)
    with pytest.raises(Mistake, match="pictures"):
        quiz_of(torch.zeros(500, 2), genzoo.read("moons"))
