"""Molecules of a file: their properties as conditions, what is none of them and why, how they are drawn."""

import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

import genzoo
from genzoo.core.noise import Noise
from genzoo.data import DataError, read
from genzoo.data.check import check
from genzoo.data.chemistry import PROPERTIES, fault, properties_of
from genzoo.data.structures import as_svg
from genzoo.zoo.conditions import told_of_numbers

# logP by Crippen, QED, the weight, TPSA, rings and heavy atoms, as RDKit 2024.09 tells them
KNOWN = {
    "c1ccccc1": (1.6866, 0.4426, 78.11, 0.0, 1, 6),
    "CC(=O)Oc1ccccc1C(=O)O": (1.3101, 0.5501, 180.16, 63.6, 1, 13),
    "CC[NH+](CC)CC": (-0.0689, 0.5086, 102.2, 4.44, 0, 7),
}


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_properties_of_known_molecules_are_conditions(tmp_path: Path) -> None:
    data = read(written(tmp_path / "m.smi", list(KNOWN)), given="*")
    assert isinstance(data.given, dict)
    assert tuple(data.given) == PROPERTIES
    for k, name in enumerate(PROPERTIES):
        labels = data.classes.get(name)
        got = data.given[name].tolist() if labels is None else [int(labels[i]) for i in data.given[name].tolist()]
        assert got == pytest.approx([row[k] for row in KNOWN.values()], abs=0.01), name
    assert sorted(data.classes) == ["heavy_atoms", "rings"]


def test_a_condition_moves_no_row_to_another_split(tmp_path: Path) -> None:
    path = written(tmp_path / "m.smi", ["C" * k + "O" + "C" * j for k in range(1, 20) for j in range(1, 20)])
    alone, told = read(path), read(path, given="logP")
    assert all(torch.equal(alone.splits[name], told.splits[name]) for name in ("train", "valid", "test"))
    assert torch.equal(alone.x, told.x)


def test_what_is_no_molecule_is_told_by_its_line_and_why(tmp_path: Path) -> None:
    path = written(tmp_path / "m.smi", ["smiles name", "CCO ethanol", "C(C)(C)(C)(C)C", "", "c1cccc1", "[Na+].[Cl-]"])
    with pytest.raises(DataError, match=r"(?s)got 2 that do not.*line 3: 'C\(C.*valence for atom # 0 C, 5.*line 5: "):
        read(path, given="logP")
    data = read(path, given="logP", skip_bad=True)
    assert (data.codec.texts(data.x), data.numbers.tolist()) == (["CCO", "[Na+].[Cl-]"], [0, 3])
    assert len(data.skipped) == 2
    for given, fix in (("logp", "Did you mean 'logP'"), ("logP,QED", "Name each by itself")):
        with pytest.raises(DataError, match=f"got '{given}'. {fix}"):
            read(path, given=given)


def test_why_a_text_is_no_molecule() -> None:
    assert [fault(text) for text in ("CCO", " CCO ")] == ["", ""]
    assert fault("CCO and more") == "not one word"  # which RDKit would take for a name
    assert "kekulize" in fault("c1cccc1")
    faults = [fault(text) for text in ("C1CC", "C(", "C)", "C%12CC1[13CH3]", "CX")]
    assert faults[:3] == ["ring 1 is not closed", "a branch is not closed", "a branch is closed that was not opened"]
    assert faults[3:] == ["ring 1, 12 is not closed", "not written as SMILES are"]
    found = properties_of(["CCO", "CCO and more"], ["rings"])
    assert np.isnan(found["rings"]).tolist() == [False, True]


def test_a_check_tells_what_rdkit_makes_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "m.smi", ["CCO", "hello", "OCC", "[Na+].[Cl-]", "C1CC", "C[C@@H](F)Cl", "[13CH4]"])
    facts = check(read(path, skip_bad=True)).facts
    said = "1 none, 1 twice under two spellings, 1 of several parts (salts), 1 with charged atoms, 1 with isotopes"
    assert facts["molecules"] == f"{said}, 1 with stereochemistry"
    assert facts["no molecule 1"] == "row 5, 'C1CC': ring 1 is not closed"
    monkeypatch.setitem(sys.modules, "rdkit", None)
    assert "want of RDKit" in check(read(path, skip_bad=True)).facts["molecules"]


def test_a_folder_of_tables_keeps_its_splits(tmp_path: Path) -> None:
    """As the tables of MOSES lie in the package `molsets`."""
    for k, name in enumerate(("train", "test", "test_scaffolds")):
        written(tmp_path / f"{name}.csv", ["SMILES", *("C" * j + "NOF"[k] for j in range(1, 120 - 10 * k))])
    data = read(tmp_path, x="SMILES")
    assert (data.codec.kind, list(data.splits)) == ("molecules", ["train", "valid", "test", "test_scaffolds"])
    assert [len(data.splits[name]) for name in ("test", "test_scaffolds")] == [109, 99]
    assert len(data.splits["train"]) + len(data.splits["valid"]) == 119


def test_whatever_selfies_follow_each_other_are_a_molecule(tmp_path: Path) -> None:
    smiles = ["CC(=O)Oc1ccccc1C(=O)O", "C[C@@H](Cl)Br", "c1ccc2[nH]ccc2c1", "CC[NH+](CC)CC", "N#CC1CC1", "FS(=O)O"]
    codec = read(written(tmp_path / "m.smi", smiles), unit="selfies").codec
    atom = codec.tokens.index("[C]")  # of no atom there is no molecule
    rows = torch.cat([torch.full((300, 1), atom), Noise(0).integers(codec.levels, 300, 20)], dim=1)
    assert [fault(text) for text in codec.texts(rows)] == [""] * 300


def test_large_molecules_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "m.smi", ["C" * k for k in range(1, 31)])
    data = read(path, heavy_atoms=20)
    assert len(data) == 20
    assert "left out 10 molecules of more than 20 heavy atoms" in data.notes
    assert read(path, heavy_atoms=20, given="rings").fingerprint != data.fingerprint
    with pytest.raises(DataError, match="must hold molecules"):
        read(path, heavy_atoms=0)


def test_properties_are_kept_once_they_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENZOO_CACHE", str(tmp_path))
    monkeypatch.setattr("genzoo.data.chemistry.MANY", 3)
    first = properties_of(list(KNOWN), ["logP"])
    monkeypatch.setattr("genzoo.data.chemistry._computed", None)  # and so it is not called
    assert np.array_equal(properties_of(list(KNOWN), ["logP"])["logP"], first["logP"])


def test_a_wish_outside_the_data_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "m.smi", ["C" * k + "O" for k in range(1, 60)])
    settings = {"width": 16, "depth": 1, "heads": 2}
    run = genzoo.train("gpt", path, given=["logP", "rings"], out=tmp_path / "run", steps=1, settings=settings)
    low, high = run.config.data.ranges["logP"]
    train = read(path, given="logP").train.given
    assert (low, high) == pytest.approx((train.min().item(), train.max().item()))
    assert told_of_numbers({"logP": f"{low},{high}", "rings": "0"}, run.config.data) == []
    (said,) = told_of_numbers({"logP": "1,99"}, run.config.data)
    assert said.startswith("logP: 99 lies outside")
    assert said.endswith(f"the nearest is {high:.4g}")


def test_molecules_are_drawn() -> None:
    drawn = as_svg(["CCO", "C((", "c1ccccc1"], ["a < b", "none: " + "why " * 12, "c"], columns=2)
    root = ElementTree.fromstring(drawn)
    assert (root.get("width"), root.get("height")) == ("480px", "480px")
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "a < b"
    assert texts[-1] == "c"
    assert len(texts) > 3
    atoms = {word for path in root.iter("{http://www.w3.org/2000/svg}path") for word in path.get("class", "").split()}
    assert "atom-5" in atoms
    with pytest.raises(ValueError, match="a caption each"):
        as_svg([], [])
