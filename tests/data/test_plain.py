"""Tables read at once are what a look at every cell gives: values, splits, notes, messages."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from genzoo.data import DataError, read
from genzoo.data.cells import Coded, Numbers
from genzoo.data.readers import parquet, plain, table

POOLS = {
    "reals": ["0.5", "-1.25", "3e-2", ".5", "7.", "1E5", "12.000", "0.1", "-0.0", "0", "2.5", "9007199254740993"],
    "whole": [str(i) for i in range(-3, 9)],
    "labels": ["0", "1", "2", "1.0"],
    "gaps": ["0.5", "1.5", "", "NA", "nan", "?", " 2.5 ", "4", "6.25", "8", "11", "12.5"],
    "words": ["red", "white", "blau", "weiß", " red"],
    "ids": ["007", "01", "5", "00.5", "0"],
    "money": ["$1,200"[:2] + "00", "$7.50", "$9"],
    "dates": ["2024-02-29", "2024-03-01"],
    "odd": ["1", "2", "3", "4", "5", "6", "x"],
    "strange": ["1", "2", "inf", "1e999", "0x10", "1_2", "+5", "1e", "-", "\u0661", "NaN"],
    "split": ["train", "valid", "test"],
    "empty": ["", " "],
    "sparse": ["", "", "", "3"],
}
OPTIONS: list[dict[str, Any]] = [
    {}, {"missing": "drop"}, {"missing": "impute"}, {"missing": "keep"}, {"skip_bad": True}, {"na": ""}, {"na": "1,x"},
    {"decimal": ","}, {"header": True}, {"header": False}, {"given": "b", "missing": "keep"}, {"x": "a"},
    {"kinds": "a:categorical"}, {"kinds": "a:real,b:ordered"}, {"group": "b"}, {"given": "*", "x": "a"},
    {"missing": "keep", "given": "b", "skip_bad": True},
]  # fmt: skip


def made(seed: int) -> tuple[bytes, dict[str, Any]]:
    """A table in many forms, some of them wrong, and what is asked of it."""
    draw = random.Random(seed)
    kinds = [draw.choice(list(POOLS)) for _ in range(draw.choice([1, 2, 3]))]
    kinds = [draw.choice(["reals", "whole", kind]) for kind in kinds]
    names = ["split" if kind == "split" else draw.choice(["a", "a", ""]) if k == 0 else "bc"[k - 1]
             for k, kind in enumerate(kinds)]  # fmt: skip
    rows = [[draw.choice(POOLS[kind]) for kind in kinds] for _ in range(draw.choice([8, 12, 40]))]
    if names[0] == "":
        rows = [[str(i), *row[1:]] for i, row in enumerate(rows)]
    spoil = draw.random()
    lines = [names, *rows]
    if spoil < 0.04:
        lines[draw.randrange(1, len(lines))].append("9")
    elif spoil < 0.08:
        lines.insert(0, ["Report", *[""] * (len(names) - 1)])
    elif spoil < 0.12:
        lines[-2] = [""] * len(names)
    elif spoil < 0.16:
        lines[3][0] = '"1,5"'
    elif spoil < 0.2:
        lines.insert(1, ["(kg)", *[""] * (len(names) - 1)])
    sign, end = draw.choice([",", ",", ";", "\t", ", "]), draw.choice(["\n", "\n", "\r\n", "\n\n"])
    text = end.join(sign.join(line) for line in lines) + draw.choice(["", "\n"])
    content = draw.choice([b"", b"", b"\xef\xbb\xbf"]) + text.encode()
    return content.replace(b"5", b"\xff", 1) if spoil > 0.98 else content, draw.choice(OPTIONS)


def outcome(path: Path, options: dict[str, Any]) -> Any:
    """Everything that reading gives, or its message."""
    try:
        data = read(path, **options)
    except DataError as problem:
        return str(problem)
    given = data.given if isinstance(data.given, dict) else {"": data.given}
    numbers = (data.x, *data.splits.values(), *(part for part in given.values() if part is not None))
    said = (data.space, data.given_space, data.codec.to_json(), data.notes, data.skipped, data.classes)
    left = None if data.numbers is None else data.numbers.tolist()
    return said, left, list(data.splits), data.fingerprint, [(part.dtype, part.numpy().tobytes()) for part in numbers]


def test_at_once_or_cell_by_cell_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "ENOUGH", 4)
    taken, told, path, columns = 0, 0, tmp_path / "t.csv", plain.plain_columns
    for seed in range(120):
        content, options = made(seed)
        path.write_bytes(content)
        fast = outcome(path, options)
        taken += columns(path, options.get("header"), ("",)) is not None if isinstance(fast, tuple) else 0
        monkeypatch.setattr(table, "plain_columns", lambda *asked: None)
        slow = outcome(path, options)
        monkeypatch.setattr(table, "plain_columns", columns)
        told += isinstance(slow, str)
        assert fast == slow, (seed, content, options)
    assert taken > 25
    assert told > 25


def test_few_lines_of_many_cells_are_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{i}" for i in range(9000)) + "\n" + 12 * (",".join(["1.5"] * 9000) + "\n"))
    assert plain.plain_grid(path) is not None
    path.write_text("a,b\n" + 12 * "1.5,2.5\n")
    assert plain.plain_grid(path) is None


def test_parquet_is_what_its_cells_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    from pyarrow import parquet as file

    reals = [0.1, 3.0, -0.0, 1e-5, 2.5e10, 1 / 3, 123456789012.5, 1e17, None, float("nan"), 7e-300, -12.5]
    columns = {
        "reals": pa.array(reals, pa.float64(), from_pandas=False),
        "single": pa.array(reals[:8] + [0.5] * 4, pa.float32()),
        "whole": pa.array([*range(11), 2**63 - 1]), "words": ["red", None, "", "blue"] * 3, "yes": [True, False] * 6,
        "large": pa.array(["a", "b", None] * 4, pa.large_string()), "label": [0, 1, 2] * 4,
    }  # fmt: skip
    path, cells = tmp_path / "t.parquet", parquet._cells
    file.write_table(pa.table(columns), path)
    for options in [*OPTIONS, {"x": "reals,single,whole", "given": "label", "missing": "drop"}, {"missing": "keep"}]:
        options = {key: value for key, value in options.items() if key not in ("kinds", "group", "header")}
        options |= {
            role: "reals" if value == "a" else "label" for role, value in options.items() if value in ("a", "b")
        }
        fast = outcome(path, options)
        monkeypatch.setattr(parquet, "_cells", lambda column, gone: parquet._spelled(column))
        slow = outcome(path, options)
        monkeypatch.setattr(parquet, "_cells", cells)
        assert fast == slow, options


def test_columns_are_numbers_or_words_each_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    lines = [f"{i / 7},{'NA' if i % 9 == 4 else i},w{i % 3},{i:05d},{'x' if i == 300 else i}" for i in range(500)]
    path.write_text("\n".join(["real,gaps,word,id,odd", *lines]))
    found = plain.plain_columns(path, None, ("", "NA"))
    assert found is not None
    assert [type(cells) for cells in found.columns.values()] == [Numbers, Numbers, Coded, Coded, Coded]
    real = found.columns["real"]
    assert isinstance(real, Numbers)
    assert real.values.tolist() == [float(line.split(",")[0]) for line in lines]
    assert list(found.columns["id"])[:2] == ["00000", "00001"]
    path.write_text("\n".join(["a,b", *(f"{i},{i / 3}" for i in range(500))]))
    assert torch.equal(read(path).x[:, 1], torch.tensor([i / 3 for i in range(500)], dtype=torch.float64))
