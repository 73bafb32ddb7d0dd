"""Texts: lines, long texts, JSON lines, parallel files, molecules; ids to text and back."""

import gzip
import json
import os
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genzoo.core import Space
from genzoo.data import DataError, MoleculeCodec, TextCodec, TokenCodec, codec_from_json, read
from tests.characters import texts

NEEDS_DATA = pytest.mark.skipif("GENZOO_DATA" not in os.environ, reason="set GENZOO_DATA to the folder of real data")
NAMES = [f"{a}{b}{'na' * (i % 3)}" for i, a in enumerate("abcdefghijkl") for b in "aeiouäöüyw"]


def lines(path: Path, rows: list[str]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes("".join(f"{row}\n" for row in rows).encode())
    return path


def test_short_lines_are_rows(tmp_path: Path) -> None:
    path = lines(tmp_path / "names.txt", NAMES)
    data = read(path)
    assert data.space == Space((6,), levels=len(set("".join(NAMES))), ragged=True)
    assert (data.x.dtype, data.train.x.dtype, data.train.gather(torch.arange(3))[0].dtype) == (
        torch.uint8,
        torch.int64,
        torch.int64,
    )
    assert data.codec.texts(data.x) == NAMES
    assert int(data.x.max()) == data.space.levels  # padding
    assert data.codec.save(data.x, tmp_path / "again.txt").read_bytes() == path.read_bytes()
    assert data.codec.load(path).equal(data.x)
    assert "rows are lines" in data.notes[0]
    assert read(path, lines=False, window=8).space.ragged is False


def test_lines_are_cut_where_asked_and_said(tmp_path: Path) -> None:
    data = read(lines(tmp_path / "names.txt", NAMES), length=3)
    assert data.codec.texts(data.x) == [name[:3] for name in NAMES]
    assert data.notes[-1] == "cut 80 of 120 texts to 3 units"


@pytest.mark.parametrize("unit", ["chars", "bytes", "bpe"])
def test_ids_to_text_is_exact_in_every_unit(unit: str, tmp_path: Path) -> None:
    data = read(lines(tmp_path / "names.txt", NAMES), unit=unit, vocabulary=270)
    assert data.codec.texts(data.x) == NAMES
    codec = codec_from_json(json.loads(json.dumps(data.codec.to_json())))
    assert codec == data.codec
    assert codec.rows(NAMES).equal(data.x)
    assert data.space.levels == {"chars": len(set("".join(NAMES))), "bytes": 256, "bpe": 270}[unit]


def test_tokens_are_learned_from_training_rows_alone(tmp_path: Path) -> None:
    for split, word in (("train", "aaaa"), ("valid", "bbbb"), ("test", "cccc")):
        lines(tmp_path / "d" / f"{split}.txt", [word] * 100)
    data = read(tmp_path / "d", unit="bpe", vocabulary=300)
    assert [len(part) for part in (data.train, data.valid, data.test)] == [100, 100, 100]
    assert "aaaa" in data.codec.tokens
    assert not any("bb" in token or "cc" in token for token in data.codec.tokens)
    assert data.codec.texts(data.test.x) == ["cccc"] * 100
    with pytest.raises(DataError, match="at least 256"):
        read(tmp_path / "d", unit="bpe", vocabulary=100)


@given(st.lists(texts(30), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_any_text_survives_tokens(many: list[str]) -> None:
    codec = TokenCodec.learned(["the theme of the thesis"] * 3, 260)
    assert codec.texts(codec.rows(many)) == many


def test_a_long_text_in_files_and_units(tmp_path: Path) -> None:
    verse = ("Ring the bells that still can ring\n\n" * 60).encode()
    (tmp_path / "d").mkdir()
    for split in ("train", "valid", "test"):
        (tmp_path / "d" / f"{split}.txt").write_bytes(verse)
    data = read(tmp_path / "d", window=30)
    assert "".join(data.codec.texts(data.test.x)) == verse.decode()[: len(verse) // 30 * 30]
    assert len(data.train) == len(data.valid) == len(data.test) == len(verse) // 30
    first, second = (data.codec.texts(data.train.gather(torch.arange(20), epoch=epoch)[0]) for epoch in (0, 1))
    assert first != second
    assert all(stretch in verse.decode() for stretch in first + second)
    assert data.valid.gather(torch.arange(9), epoch=1)[0].equal(data.valid.x[:9])
    assert read(tmp_path / "d", window=30, unit="bytes").space == Space((30,), levels=256)
    with pytest.raises(DataError, match="Did you mean 'chars'"):
        read(tmp_path / "d", unit="char")


def test_objects_under_names_are_rows(tmp_path: Path) -> None:
    found = {f"k{i}": {"size": i % 7, "color": "red" if i % 2 else "blue"} for i in range(30)}
    (tmp_path / "t.json").write_text(json.dumps(found))
    data = read(tmp_path / "t.json")
    assert (len(data), data.codec.columns) == (30, ("size", "color"))
    assert any("names of 30 objects" in note for note in data.notes)
    (tmp_path / "one.json").write_text(json.dumps({"size": {"a": 1}, "color": {"b": 2}}))  # one row, of two objects
    assert len(read(tmp_path / "one.json")) == 1


def jsonl(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_json_lines(tmp_path: Path) -> None:
    rows = [{"text": f"line\n{i}", "label": "ab"[i % 2], "n": i, "tags": [1]} for i in range(30)]
    data = read(jsonl(tmp_path / "t.jsonl", rows), given=["label", "n"])
    assert data.codec.texts(data.x) == [row["text"] for row in rows]
    assert data.given_space == {"label": Space((), levels=2), "n": Space((), levels=30)}
    assert data.codec.load(data.codec.save(data.x, tmp_path / "t.txt")).equal(data.x)
    with pytest.raises(DataError, match=r"must name a field of t, got 'txt'\. Did you mean 'text'"):
        read(tmp_path / "t.jsonl", x="txt")


def test_questions_are_texts_and_names_that_recur_are_classes(tmp_path: Path) -> None:
    for rows, kinds, classes in ((150, 120, False), (300, 120, True), (150, 90, True)):
        found = [{"answer": f"it is {i}.", "question": f"what is {i % kinds}?"} for i in range(rows)]
        data = read(jsonl(tmp_path / f"{rows}-{kinds}.jsonl", found), x="answer", given="question")
        assert (data.given_space == Space((), levels=kinds)) is classes
        if not classes:
            assert data.given_codecs[""].texts(data.given[:1]) == ["what is 0?"]


def test_broken_json_lines_are_named_or_skipped(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a"}\n[1]\n{"text": "\\ud800"}\n{"text": "bc"}\n{')
    with pytest.raises(DataError, match=r"(?s)got 3 that do not.*line 2: not an object but list\nline 3: .*line 5"):
        read(path)
    data = read(path, skip_bad=True)
    assert data.codec.texts(data.x) == ["a", "bc"]
    assert len(data.skipped) == 3


def parallel(folder: Path) -> Path:
    folder.mkdir()
    for split, n in (("train", 40), ("val", 5), ("test_2016", 6), ("test_2017", 7)):
        for language, word in (("en", "cat"), ("de", "Kätzchen")):
            with gzip.open(folder / f"{split}.{language}.gz", "wt", encoding="utf-8") as file:
                file.write("".join(f"{word} {split} {i}\n" for i in range(n)))
    return folder


def test_parallel_files(tmp_path: Path) -> None:
    data = read(parallel(tmp_path / "pairs"), x="de", given="en")
    assert {name: len(rows) for name, rows in data.splits.items()} == {
        "train": 40,
        "valid": 5,
        "test": 6,
        "test_2017": 7,
    }
    x, condition = data.test.gather(torch.tensor([3]))
    assert data.codec.texts(x) == ["Kätzchen test_2016 3"]
    assert data.given_codecs[""].texts(condition) == ["cat test_2016 3"]
    assert condition.dtype == torch.int64
    assert read(tmp_path / "pairs", x="en").given is None
    with pytest.raises(DataError, match=r"must be x, got \['de', 'en'\]. Say which, as x='en', given='de'"):
        read(tmp_path / "pairs")


def test_parallel_files_that_no_split_names(tmp_path: Path) -> None:
    for name in ("corpus.en", "corpus.de"):
        lines(tmp_path / name, [f"{name} {i}" for i in range(100)])
    (tmp_path / "README.md").write_text("Sentences.")
    data = read(tmp_path, x="de", given="en")
    assert sum(len(rows) for rows in data.splits.values()) == 100
    assert data.codec.texts(data.test.x[:1])[0].removeprefix("corpus.de") == (
        data.given_codecs[""].texts(data.test.given[:1])[0].removeprefix("corpus.en")
    )
    for name in ("other.en", "other.de"):
        lines(tmp_path / name, ["one"] * 3)
    with pytest.raises(DataError, match="or one file per split"):
        read(tmp_path, x="de", given="en")


def test_arrays_of_one_name_are_no_languages(tmp_path: Path) -> None:
    lines(tmp_path / "a.csv", ["x,y", "1,2"])
    lines(tmp_path / "a.tsv", ["x\ty", "1\t2"])
    with pytest.raises(DataError, match="or one file per split"):
        read(tmp_path)


def test_two_files_line_by_line(tmp_path: Path) -> None:
    first, second = lines(tmp_path / "a.txt", ["one", "two"] * 60), lines(tmp_path / "b.txt", ["eins", "zwei"] * 60)
    data = read((first, second))
    assert data.given_codecs[""].texts(data.given[:2]) == ["eins", "zwei"]
    with pytest.raises(DataError, match=r"as many lines as each other, got \{'a.txt': 120, 'b.txt': 1\}"):
        read((first, lines(second, ["eins"])))


SMILES = ["CCO", "C[C@@H](Cl)Br", "c1ccc2[nH]ccc2c1", "N#CC%12CC%12", "[Na+].[Cl-]"] * 8


def test_molecules(tmp_path: Path) -> None:
    path = lines(tmp_path / "m.smi", SMILES)
    data = read(path)
    assert {"Cl", "Br", "[C@@H]", "[nH]", "%12"} <= set(data.codec.tokens)
    assert data.codec.texts(data.x) == SMILES
    assert data.codec.save(data.x, tmp_path / "again.smi").read_bytes() == path.read_bytes()
    spelled = read(path, unit="chars")
    assert (spelled.codec.suffix, spelled.codec.texts(spelled.x)) == (".smi", SMILES)
    named = lines(tmp_path / "n.smi", ["smiles name", *(f"{s} molecule" for s in SMILES)])
    assert read(named).fingerprint == data.fingerprint


def test_what_is_no_molecule_is_named_or_skipped(tmp_path: Path) -> None:
    path = lines(tmp_path / "m.smi", ["CCO", "hello", "CO"])
    with pytest.raises(DataError, match=r"(?s)SMILES first in each line, got 1 that do not.*line 2: 'hello'"):
        read(path)
    assert len(read(path, skip_bad=True)) == 2
    with pytest.raises(DataError, match="symbols that are known, got 'S'"):
        MoleculeCodec(("C",)).ids("CS")


def test_selfies_spell_the_same_molecule(tmp_path: Path) -> None:
    import rdkit.Chem as Chem

    data = read(lines(tmp_path / "m.smi", SMILES), unit="selfies")
    for text, again in zip(SMILES, data.codec.texts(data.x), strict=True):
        assert Chem.CanonSmiles(text) == Chem.CanonSmiles(again)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"\xff\xfe\x00" * 99)
    with pytest.raises(DataError, match="must be text in UTF-8"):
        read(tmp_path / "t.txt")
    (tmp_path / "t.txt.gz").write_bytes(b"\x1f\x8b\x08 torn")
    with pytest.raises(DataError, match="must be readable"):
        read(tmp_path / "t.txt.gz")


def test_padding_takes_few_bytes() -> None:
    assert TextCodec("".join(map(chr, range(32, 332)))).rows(["a", "bc"]).dtype == torch.int16


@NEEDS_DATA
def test_real_texts() -> None:
    assert read("tinyshakespeare").space == Space((64,), levels=65)
    assert (read("names").space, len(read("names"))) == (Space((15,), levels=26, ragged=True), 32_033)
    pairs = read("multi30k-en-de", x="de", given="en")
    assert [len(rows) for rows in pairs.splits.values()] == [29_000, 1_014, 1_000, 1_000, 1_071]
    assert pairs.given_codecs[""].texts(pairs.test.given[:1]) == ["A man in an orange hat starring at something."]
