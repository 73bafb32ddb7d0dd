"""Conditions from words and files: what a person types becomes the rows that the model was trained on."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import genzoo
from genzoo.core import Batch, GenerativeModel, Likelihood, Noise, Space, is_null
from genzoo.models.standardized import Standardized
from genzoo.zoo.conditions import cells, conditions, fitted, spelled, told_of_texts
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import DataRecord

DATA = DataRecord(name="told", given=["kind", "text", "photo"], fingerprint="", classes={"kind": ["cat", "dog"]})


class Told(GenerativeModel):
    """A model that would be given a label, a text and a picture."""

    likelihood, drop_given = Likelihood.NONE, 0.1

    def draw(self, n, given, noise):
        return noise.normal(n, 1)


@pytest.fixture
def told() -> tuple[GenerativeModel, dict[str, object]]:
    text = genzoo.data.TextCodec("abc ", lines=True)
    spaces = {
        "kind": Space((), levels=2),
        "text": Space((6,), levels=text.levels, ragged=True),
        "photo": Space((1, 8, 8), levels=256),
    }
    return Told(Space((1,)), spaces), {"text": text, "photo": genzoo.data.ImageCodec()}


def photo(path: Path, size: tuple[int, int] = (30, 20), mode: str = "RGB") -> Path:
    pixels = Noise(0).integers(256, size[1], size[0], len(mode)).numpy().astype(np.uint8)
    Image.fromarray(pixels.squeeze(), mode=None).save(path)
    return path


def test_a_text_is_spelled_and_padded(told) -> None:
    model, codecs = told
    rows = conditions(model, DATA, {"text": "a cab"}, 3, codecs)
    assert rows["text"].tolist() == [[0, 3, 2, 0, 1, 4]] * 3
    assert model.sample(3, rows, seed=0).shape == (3, 1)
    assert conditions(model, DATA, {"text": ""}, 2, codecs)["text"].tolist() == [[4] * 6] * 2  # empty, not null


def test_a_prompt_of_characters_may_hold_any_and_what_was_not_learned_is_told() -> None:
    codec = genzoo.data.CharacterCodec.of(["red star", "红星"])
    model, codecs = Told(Space((1,)), {"text": codec.space(6)}), {"text": codec}
    data = DataRecord(name="told", given=["text=caption|caption_zh"], fingerprint="", classes={})
    assert codec.texts(conditions(model, data, {"text": "звезда"}, 1, codecs)["text"]) == ["звезда"]
    assert is_null(conditions(model, data, {"text": " "}, 2, codecs)["text"], ragged=True).all()
    with pytest.raises(Mistake, match="up to 6 symbols, got 8. Shorten the text by 2"):
        conditions(model, data, {"text": "red star"}, 1, codecs)
    with pytest.raises(Mistake, match="cannot spell .* half of one"):
        conditions(model, data, {"text": "red \udcff"}, 1, codecs)
    assert told_of_texts({"text": "红色星"}, codecs) == [
        "text: 67% of the characters of '红色星' were in training; of others ('色') nothing was learned"
    ]
    assert "an empty text is none" in told_of_texts({"text": ""}, codecs)[0]
    assert told_of_texts({"text": "rats"}, codecs) == []


def test_a_text_that_cannot_be_is_refused(told) -> None:
    model, codecs = told
    with pytest.raises(Mistake, match="spell 'xyz'"):
        conditions(model, DATA, {"text": "xyz"}, 1, codecs)
    with pytest.raises(Mistake, match="up to 6 symbols, got 9"):
        conditions(model, DATA, {"text": "abc abc a"}, 1, codecs)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_photograph_is_brought_to_the_runs_size(told, mode: str, tmp_path: Path) -> None:
    model, codecs = told
    both = f"{photo(tmp_path / 'a.png', mode=mode)},{photo(tmp_path / 'b.png', (8, 8), 'L')}"
    rows = conditions(model, DATA, {"photo": both, "kind": "dog"}, 4, codecs)
    assert rows["photo"].shape == (4, 1, 8, 8)
    assert rows["photo"].dtype == torch.uint8
    exact = torch.from_numpy(np.asarray(Image.open(tmp_path / "b.png")).copy())
    assert torch.equal(rows["photo"][2, 0], exact)
    assert torch.equal(rows["photo"][0], rows["photo"][1])
    assert rows["kind"].tolist() == [1] * 4


def test_what_is_no_picture_is_refused(told, tmp_path: Path) -> None:
    model, codecs = told
    with pytest.raises(Mistake, match="read from a file"):
        conditions(model, DATA, {"photo": "nowhere.png"}, 1, codecs)
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(Mistake, match="readable"):
        conditions(model, DATA, {"photo": str(tmp_path / "a.png")}, 1, codecs)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("own", [1, 3, 4])
def test_channels_are_those_that_are_wanted(channels: int, own: int) -> None:
    picture = torch.full((own, 9, 12), 90, dtype=torch.uint8)
    found = fitted(picture, (channels, 6, 5))
    assert found.shape == (channels, 6, 5)
    assert (found[:3] == 90).all()
    if channels == 4:
        assert (found[3] == (90 if own == 4 else 255)).all()


def test_the_middle_of_a_long_picture_is_kept() -> None:
    picture = torch.arange(40, dtype=torch.uint8).expand(1, 4, 40)
    assert fitted(picture, (1, 4, 4)).tolist() == [[[18, 19, 20, 21]] * 4]


def test_a_run_keeps_the_codecs_of_its_conditions(tmp_path: Path) -> None:
    names = [f"row {number}" for number in range(120)]
    for number in range(120):
        photo(tmp_path / f"{number}.png", (8, 8), "L")
    lines = [f"{number}.png,{name}" for number, name in enumerate(names)]
    (tmp_path / "metadata.csv").write_text("\n".join(["file,name", *lines]))
    run = genzoo.train("vae", tmp_path, given="name", out=tmp_path / "run", steps=2)
    again = genzoo.load(run.path)
    assert again.given_codecs == run.given_codecs
    rows = conditions(again.model, again.config.data, {"name": "row 119"}, 2, again.given_codecs)
    assert again.given_codecs[""].texts(rows["given"]) == ["row 119"] * 2
    assert again.model.sample(2, rows, seed=0).shape == (2, 1, 8, 8)


def test_large_whole_numbers_keep_their_digits(tmp_path: Path) -> None:
    rows = [f"{20240100 + i},{i * 0.5}" for i in range(1, 130)]
    (tmp_path / "t.csv").write_text("day,v\n" + "\n".join(rows) + "\n")
    data = genzoo.read(tmp_path / "t.csv", given="day")
    assert data.given.tolist() == [20240100 + i for i in range(1, 130)]
    model = Standardized(Told(Space((1,)), {"day": Space(())}))
    model.prepare([Batch(data.x[:, :1].float(), {"day": data.given})])
    days = model.checked_given({"day": [20240228, 20240229]}, 2)
    assert days["day"].tolist() == [20240228, 20240229]
    near = model.rule(days)["day"]
    assert near.dtype == torch.float32
    assert near.diff().item() == pytest.approx(1 / model.conditions[0].scale.item(), rel=1e-4)
    said = DataRecord(name="t", given=["day"], fingerprint="")
    assert conditions(model, said, {"day": "20240229"}, 1)["day"].tolist() == [20240229]
    with pytest.raises(Mistake, match="Write each condition by itself, as --given day=… --given kind=2"):
        conditions(model, said, {"day": "3,kind=2"}, 1)


def test_conditions_come_back_as_words(told) -> None:
    model, codecs = told
    rows = conditions(model, DATA, {"kind": "dog,cat", "text": "a cab"}, 3, codecs)
    assert cells(model, DATA, rows, 3, codecs) == {"kind": ["dog", "dog", "cat"], "text": ["a cab"] * 3}
    null = {"kind": torch.tensor([-1]), "text": torch.full((1, 6), -1)}
    assert cells(model, DATA, null, 1, codecs) == {"kind": [""], "text": [""]}
    assert cells(model, DATA, {}, 2, codecs) == {"kind": ["", ""], "text": ["", ""]}
    assert cells(Told(Space((1,))), DATA, None, 2) == {}


def test_the_model_of_a_run_takes_words(tmp_path: Path) -> None:
    lines = [f"{('cat', 'dog')[i % 2]},{i % 7},{i % 5 / 2}" for i in range(120)]
    (tmp_path / "t.csv").write_text("\n".join(["kind,a,b", *lines]) + "\n")
    run = genzoo.train("realnvp", tmp_path / "t.csv", given="kind", out=tmp_path / "run", steps=1)
    for model in (run.model, genzoo.load(run.path).model):
        x = model.sample(2, 1, seed=0)
        for said in ("dog", {"kind": "dog"}, ["dog", "dog"], {"kind": [1, 1]}, np.array(["dog", "dog"])):
            assert torch.equal(model.sample(2, said, seed=0), x), said
        assert torch.equal(model.sample(2, "cat,dog", seed=0)[1:], x[1:])
        assert torch.equal(model.log_prob(x, "dog"), model.log_prob(x, torch.tensor([1, 1])))
        for wrong, told in (
            ("cow", "There is no class of kind 'cow'.*There are cat, dog"),
            ({"sort": "dog"}, "no condition.*kind"),
        ):
            with pytest.raises(Mistake, match=told):
                model.sample(2, wrong)


def test_several_conditions_take_words_by_name(told) -> None:
    model, codecs = told
    rows = spelled(model.given_space, DATA, codecs, {"kind": ["dog", "cat"], "text": "a cab"}, 2)
    assert rows["kind"].tolist() == [1, 0]
    assert codecs["text"].texts(rows["text"]) == ["a cab"] * 2
    with pytest.raises(Mistake, match="has the conditions kind, text, photo, got 'dog'"):
        spelled(model.given_space, DATA, codecs, "dog", 2)
