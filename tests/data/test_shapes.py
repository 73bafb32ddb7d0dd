"""Drawn shapes with captions: scenes, words in two languages, withheld compositions and versions of a condition."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genzoo.core import Noise, Space
from genzoo.data import Data, DataError, read
from genzoo.data.codecs.text import CharacterCodec, TextCodec
from genzoo.data.composition import composed
from genzoo.data.readers import embedded
from genzoo.data.shapes import COLORS, SHAPES, captions, drawn_scenes, rendered, said
from genzoo.data.source import Condition

ASKED = {"given": ("text=caption|caption_zh", "color", "shape"), "hold_out": "color*shape:0.2"}


@pytest.fixture(scope="module")
def data() -> Data:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "PICTURES", {"train": 3000, "valid": 200, "test": 200})
        return read("shapes", **ASKED)


def test_scenes_captions_and_pictures_depend_on_their_row_alone() -> None:
    scenes = drawn_scenes(300, Noise(3))
    some = slice(100, 140)
    noise = Noise(3).rows(some)
    assert torch.equal(drawn_scenes(40, noise), scenes[some])
    assert torch.equal(rendered(scenes[some], noise), rendered(scenes, Noise(3))[some])
    assert captions(scenes[some], "zh", noise) == captions(scenes, "zh", Noise(3))[some]


def test_captions_ask_for_nothing_that_is_not_shown_and_for_the_same_in_both_languages() -> None:
    scenes = drawn_scenes(2000, Noise(0))
    asked = said(captions(scenes, "en", Noise(1)))
    assert torch.equal(said(captions(scenes, "zh", Noise(1))), asked)
    assert bool(((asked == scenes) | (asked < 0)).all())
    assert bool((asked[:, (0, 1, 3, 4)] == scenes[:, (0, 1, 3, 4)]).all())  # what there is, is told
    for field in (2, 6, 7):  # and the rest at times
        there = scenes[:, field] >= 0
        assert 0.3 < (asked[there, field] >= 0).double().mean() < 0.85


def test_captions_are_read_however_they_are_typed_and_others_are_refused() -> None:
    loose = said(["Two  RED circles.", "an orange star", "a orange star", "红星在蓝圆左边"])
    assert loose[0].tolist() == [0, 0, -1, 0, 0, -1, -1, -1]
    assert torch.equal(loose[1], loose[2])
    with pytest.raises(DataError, match="must be one of these pictures', got 'a mauve star'. Write 'a small red star"):
        said(["a mauve star"])


def test_withheld_cells_never_train_and_every_level_does(data: Data) -> None:
    assert isinstance(data.given, dict)
    cells = {split: set[tuple[int, int]]() for split in data.splits}
    for split, index in data.splits.items():
        for k in (0, 1):
            cells[split] |= set(
                zip(data.given["color"][index, k].tolist(), data.given["shape"][index, k].tolist(), strict=True)
            )
    every = {(color, shape) for color in range(len(COLORS)) for shape in range(len(SHAPES))}
    withheld = every - cells["train"]
    assert len(withheld) == 8
    assert not withheld & (cells["valid"] | cells["test"])
    assert {color for color, _ in cells["train"]} == {-1, *range(len(COLORS))}
    assert {shape for _, shape in cells["train"]} == {-1, *range(len(SHAPES))}
    numbers = data.splits["held_out"]
    hit = [any((a, b) in withheld for a, b in zip(*pair, strict=True)) for pair in
           zip(data.given["color"][numbers].tolist(), data.given["shape"][numbers].tolist(), strict=True)]  # fmt: skip
    assert all(hit)
    assert sum(map(len, data.splits.values())) == len(data)
    assert any("8 cells of color*shape:0.2 never train: " in note for note in data.notes)


def test_one_version_is_drawn_for_each_seed_epoch_and_row(data: Data) -> None:
    codec, index = data.given_codecs["text"], torch.arange(300)
    assert isinstance(codec, CharacterCodec)

    def texts(seed: int, epoch: int, places: torch.Tensor = index) -> list[str]:
        return codec.texts(data.train.gather(places, seed=seed, epoch=epoch)[1]["text"])  # type: ignore[index, call-overload]

    first = texts(0, 0)
    assert texts(0, 0, index.flip(0)) == first[::-1]
    chinese = [text.encode() != text.encode("ascii", "ignore") for text in first]
    assert 0.4 < sum(chinese) / len(chinese) < 0.6
    for other in (texts(0, 1), texts(1, 0)):
        assert 0.3 < sum(a != b for a, b in zip(first, other, strict=True)) / len(first) < 0.7
    assert torch.equal(data.valid.gather(index[:9], epoch=1)[1]["text"], data.valid.gather(index[:9])[1]["text"])  # type: ignore[index, call-overload]


def test_captions_can_be_what_is_learned_of_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "PICTURES", {"train": 300, "valid": 20, "test": 20})
    for column in ("caption", "caption_zh"):
        turned = read("shapes", x=column, given="image", hold_out="color*shape:0.2")
        plain = read("shapes", given=column, hold_out="color*shape:0.2")
        assert turned.codec.texts(turned.x) == next(iter(plain.given_codecs.values())).texts(plain.given)  # type: ignore[attr-defined, arg-type]
        assert isinstance(turned.given, torch.Tensor)
        assert turned.given.equal(plain.x)
        assert turned.space.ragged
        assert {split: index.tolist() for split, index in turned.splits.items()} == {
            split: index.tolist() for split, index in plain.splits.items()
        }
    with pytest.raises(DataError, match="must be a text, or a label that every row has, got 'relation'"):
        read("shapes", x="relation", given="image")


def test_versions_and_compositions_are_in_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "PICTURES", {"train": 300, "valid": 20, "test": 20})
    asked = ({}, {"hold_out": "color*shape:0.2"}, {"hold_out": "color*shape:0.3"})
    given = ("caption", "text=caption", "text=caption|caption_zh")
    found = {read("shapes", given=name, **how).train.fingerprint for name in given for how in asked}
    assert len(found) == 9


def test_versions_of_words_are_spelled_and_compose_with_other_views() -> None:
    rows = {"x": torch.zeros(60, 1, 4, 4, dtype=torch.uint8), "kind": torch.arange(60) % 3, "size": torch.randn(60)}
    with pytest.raises(DataError, match="must hold words, got 'size'"):
        read(rows, given="text=size|kind", x="x")
    with pytest.raises(DataError, match="got 'knd'. Did you mean 'kind'"):
        read(rows, given="text=knd", x="x")
    with pytest.raises(DataError, match="NAME or NAME=COLUMN"):
        read(rows, given="text=kind|", x="x")
    moved = read(rows, given=("text=kind", "size"), x="x", augment="flip")
    assert moved.view is not None
    assert moved.view.name == "augment flip, versions text=kind"
    codec = moved.given_codecs["text"]
    assert codec.texts(moved.train.head(9)[1]["text"]) == [str(k % 3) for k in moved.splits["train"][:9].tolist()]  # type: ignore


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("color*shape", "must be COLUMN.COLUMN:SHARE"),
        ("color*shape:1.5", "a share in"),
        ("colr*shape:0.2", "got 'colr'. Did you mean 'color'"),
        ("color*size:0.2", "must cross labels or words, got 'size'"),
        ("color*shape:0.9", "must still train, but 'color.shape:0.9' withholds all of"),
        ("color*rare:0.5", "withholds all of"),
    ],
)
def test_what_cannot_be_withheld_is_refused(asked: str, message: str) -> None:
    n = torch.arange(60)
    columns = {
        "color": Condition(n % 4, Space((), 4)),
        "shape": Condition(n // 4 % 3, Space((), 3)),
        "size": Condition(n.double(), Space(())),
        "rare": Condition((n == 0).long(), Space((), 2)),
    }
    with pytest.raises(DataError, match=message):
        composed(asked, columns, {"train": n})


def test_texts_can_be_crossed_and_cells_do_not_depend_on_the_order_of_rows() -> None:
    codec = TextCodec("abcdefgh")
    words = codec.rows([*"abcdefgh"] * 6)
    kinds = torch.arange(48) // 8
    turned = torch.arange(48).flip(0)
    found = []
    for order in (torch.arange(48), turned):
        columns = {
            "name": Condition(words[order], Space((1,), levels=8, ragged=True), codec=codec),
            "kind": Condition(kinds[order], Space((), 6), [*"uvwxyz"]),
        }
        found.append(composed("name*kind:0.25", columns, {"train": torch.arange(48)}).cells)
    assert found[0] == found[1]
    assert len(found[0]) == 12
    assert max([*(name for name, _ in found[0])].count(word) for word in "abcdefgh") == 2  # spread over the levels


@given(st.text(max_size=12))
@settings(max_examples=60, deadline=None)
def test_every_text_is_spelled_by_its_characters(text: str) -> None:
    codec = CharacterCodec.of([text])
    try:
        rows = codec.rows([text])
    except DataError:
        text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        assert any(0xD800 <= ord(char) < 0xE000 for char in text)
        return
    assert codec.rows(codec.texts(rows)).equal(rows)
    assert codec.unseen(text) == ""
