"""Samples of molecules: known ones with known properties, real halves near-perfect, noise far off."""

import sys

import numpy as np
import pytest

from genzoo.core.noise import Noise
from genzoo.evaluation.measurement import TooFew
from genzoo.evaluation.molecules import (
    canonical,
    internal_diversity,
    molecule_metrics,
    novel,
    properties,
    property_distances,
    property_errors,
    unique_at,
    valid,
)
from tests.logged import logged

BROKEN = ["C((", "c1ccc", "C(C)(C)(C)(C)C", "", " ", "xyz"]


def chains(seed: int, n: int, least: int = 1) -> list[str]:
    """Molecules made of a ring or none, a chain and a head, all by chance."""
    noise = Noise(seed)
    kinds, lengths = noise.integers(4, n).tolist(), noise.integers(8, n).tolist()
    heads = noise.integers(4, n).tolist()
    rings = ("", "c1ccccc1", "C1CCCCC1", "c1ccncc1")
    return [
        f"{rings[k]}{'C' * (least + length)}{('O', 'N', 'Cl', 'C(=O)O')[h]}"
        for k, length, h in zip(kinds, lengths, heads, strict=True)
    ]


def test_canonical_is_one_spelling_of_a_molecule(capfd):
    assert canonical(["OCC", "CCO", "C(C)O"]) == ["CCO"] * 3
    assert canonical([*BROKEN, "CCO and so on"]) == [None] * (len(BROKEN) + 1)
    assert capfd.readouterr().err == ""


def test_another_spelling_changes_no_score():
    """Molecules are read and written anew before they are compared, so that it does not matter from which atom on, and
    what was written once is written so again."""
    from rdkit import Chem

    known = chains(1, 40)
    molecules = [Chem.MolFromSmiles(smiles) for smiles in known]
    other = [
        Chem.MolToSmiles(molecule, rootedAtAtom=molecule.GetNumAtoms() - 1, canonical=False) for molecule in molecules
    ]
    assert other != known
    assert canonical(other) == canonical(known) == canonical(canonical(known))
    real, train = chains(2, 30), chains(3, 30)
    assert molecule_metrics(other, real, train) == molecule_metrics(known, real, train)
    assert unique_at(known + other, 80) == unique_at(known * 2, 80)


def test_shares_are_counted():
    samples = ["CCO", "OCC", "C((", "c1ccccc1"]
    assert valid(samples).value == 3 / 4
    assert unique_at(samples, 2).value == 1 / 2
    assert unique_at(samples, 3).value == pytest.approx(2 / 3)
    assert novel(samples, ["C(C)O"]).value == 1 / 2
    assert novel(samples, {"CCO"}).value == 1 / 2
    assert novel(samples, []).value == 1.0


def test_properties_are_those_of_known_molecules():
    found = properties(["c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O", "C(("])
    assert found["weight"] == pytest.approx([78.11, 180.16], abs=0.01)
    assert found["logP"] == pytest.approx([1.6866, 1.3101], abs=1e-4)
    assert found["TPSA"] == pytest.approx([0.0, 63.6], abs=0.01)
    assert found["rings"].tolist() == [1, 1]
    assert found["QED"] == pytest.approx([0.4426, 0.5501], abs=1e-3)


def test_distance_of_a_property_is_known():
    got = property_distances(["c1ccccc1"] * 2, ["C1CCCCC1", "c1ccc2ccccc2c1"])
    assert got["rings"].value == 0.5
    assert got["TPSA"].value == 0.0


def test_errors_are_of_what_was_asked_for():
    asked = {"rings": np.array([1.0, 0.0, 5.0, np.nan]), "heavy_atoms": np.array([3.0, 4.0, 5.0, 9.0])}
    found = property_errors(["CCO", "CCCO", "C((", "c1ccccc1"], asked)
    assert found["rings"] == (0.5, 0.5)
    assert found["heavy_atoms"].value == 1
    with pytest.raises(TooFew, match="The error of rings of valid molecules needs at least 2 rows, got 1"):
        property_errors(["CCO"], {"rings": np.array([1.0])})


def test_diversity_is_the_mean_over_pairs():
    from rdkit import Chem, DataStructs
    from rdkit.Chem import rdFingerprintGenerator

    samples = chains(0, 30)
    make = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048).GetFingerprint
    prints = [make(Chem.MolFromSmiles(smiles)) for smiles in samples]
    pairs = [1 - DataStructs.TanimotoSimilarity(a, b) for i, a in enumerate(prints) for b in prints[:i]]
    assert internal_diversity(samples).value == pytest.approx(np.mean(pairs))
    assert internal_diversity(["CCO", "OCC"]).value == pytest.approx(0.0, abs=1e-7)
    spread = np.std([internal_diversity(chains(seed, 30)).value for seed in range(40)], ddof=1)
    assert internal_diversity(samples).error == pytest.approx(spread, rel=0.5)


def test_real_halves_are_near_and_others_are_far():
    real = chains(1, 160)
    near = molecule_metrics(chains(2, 160), real, chains(3, 160))
    far = molecule_metrics([*chains(2, 78, least=9), *BROKEN * 13], real, chains(3, 160))
    assert (near.valid.value, far.valid.value) == (1.0, 0.5)
    assert near.novel.value < far.novel.value
    for name in ("logP", "weight"):
        assert near.distances[name].value + 4 * near.distances[name].error < far.distances[name].value
    assert near == molecule_metrics(chains(2, 160), real, chains(3, 160))


def test_too_few_and_without_rdkit(monkeypatch):
    with pytest.raises(TooFew, match="Unique@5 of valid molecules needs at least 5 rows, got 1"):
        unique_at(["C", "C(("], 5)
    with pytest.raises(TooFew, match="valid molecules needs at least 2 rows, got 0"):
        molecule_metrics(BROKEN, ["C", "CC"], ["C"])
    monkeypatch.setitem(sys.modules, "rdkit", None)
    with pytest.raises(ImportError, match=r"genzoo\[chem\]"):
        valid(["C", "CC"])


def test_long_passes_say_how_far_they_are():
    with logged("genzoo.progress") as messages:
        molecule_metrics(["CCO"] * 1001, ["CC", "CCC"], {"CC"}, draws=2)
    assert "molecules, reading them: 1,000 of 1,001 are done" in messages
    for phase in ("writing them in one way", "QED", "fingerprints", "diversity"):
        assert any(phase in message for message in messages), phase
