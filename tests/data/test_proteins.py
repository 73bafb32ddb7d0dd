"""Proteins as data: PDB, FASTA and arrays, and what becomes of files that are not as they should be."""

from pathlib import Path

import numpy as np
import pytest
import torch

from genzoo.core.errors import DataError
from genzoo.data import read
from genzoo.data.codecs.backbones import BackboneCodec
from genzoo.data.proteins.chain import Chain, torsions, usable
from genzoo.data.proteins.pdb import lines_of, parse_pdb
from tests.backbones import helix, laid_out


def text_of(atoms: np.ndarray) -> str:
    return "\n".join(lines_of([atoms]))


def changed(text: str, residue: int, atom: str | None, change) -> str:
    """The lines of one atom of a residue, or of all, changed; None leaves them out."""
    lines = []
    for line in text.splitlines():
        hit = line.startswith("ATOM") and int(line[22:26]) == residue and atom in (None, line[12:16].strip())
        lines += [line] if not hit else [new] if (new := change(line)) is not None else []
    return "\n".join(lines)


def one(text: str) -> Chain:
    (chain,) = parse_pdb("x.pdb", text)
    return chain


def test_torsions_are_those_by_which_atoms_were_laid_out() -> None:
    generator = np.random.default_rng(0)
    phi, psi = generator.uniform(-179, 179, (2, 30))
    found = np.rad2deg(torsions(laid_out(list(phi), list(psi))))
    assert np.allclose(found[1:, 0], phi[1:])
    assert np.allclose(found[:-1, 1], psi[:-1])
    assert np.isnan(found[0, 0])
    assert np.isnan(found[-1, 1])


def test_a_file_of_pdb_is_read_as_it_was_written(tmp_path: Path) -> None:
    x = torch.from_numpy(np.stack([helix(6), laid_out([-120.0] * 6, [130.0] * 6)])).float()
    path = BackboneCodec().save(x, tmp_path / "x.pdb")
    assert torch.equal(BackboneCodec().load(path), BackboneCodec().written(x))
    assert all(len(line) <= 80 for line in path.read_text().splitlines())
    chain = one(path.read_text())  # of several models the first
    assert chain.letters == "GGGGGG"
    assert np.allclose(chain.placed(), x[0], atol=6e-4)


def test_what_lies_outside_the_columns_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"within 1,000 Å, got 4 up to 1e\+04"):
        BackboneCodec().save(torch.full((1, 4, 3, 3), 1e4), tmp_path / "x.pdb")


def test_models_of_unlike_lengths_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "x.pdb").write_text("\n".join(lines_of([helix(4), helix(5)])))
    with pytest.raises(DataError, match=r"as many residues as each other, got \[4, 5\]"):
        BackboneCodec().load(tmp_path / "x.pdb")


def test_a_missing_atom_parts_a_chain() -> None:
    chain = one(changed(text_of(helix(12)), 6, "N", lambda line: None))
    assert len(chain) == 12
    assert [(part.start, part.stop) for part in usable(chain)] == [(0, 5), (6, 12)]
    without = one(changed(text_of(helix(12)), 6, "CA", lambda line: None))  # what has no CA is no residue
    assert len(without) == 11
    assert [(part.start, part.stop) for part in usable(without)] == [(0, 5), (5, 11)]


def test_a_break_parts_a_chain() -> None:
    atoms = helix(12)
    atoms[7:] += 3.0
    assert [(part.start, part.stop) for part in usable(one(text_of(atoms)))] == [(0, 7), (7, 12)]


def test_insertion_codes_tell_residues_apart() -> None:
    text = text_of(helix(6))
    for residue, code in ((3, "A"), (4, "B")):
        text = changed(text, residue, None, lambda line, code=code: f"{line[:22]}   2{code}{line[27:]}")
    chain = one(text)
    assert len(chain) == 6
    assert np.allclose(chain.placed(), helix(6), atol=6e-4)


def test_odd_residues_are_x_and_selenomethionine_is_methionine() -> None:
    text = changed(text_of(helix(6)), 2, None, lambda line: f"HETATM{line[6:17]}MSE{line[20:]}")
    text = changed(text, 4, None, lambda line: f"{line[:17]}SEP{line[20:]}")
    water = "HETATM  999  O   HOH A 301      10.000  10.000  10.000  1.00  0.00           O"
    calcium = "HETATM  998 CA    CA A 302      10.000  10.000  10.000  1.00  0.00          CA"
    assert one(f"{water}\n{text}\n{calcium}").letters == "GMGXGG"


def test_of_an_atom_in_several_places_the_first_counts() -> None:
    text = changed(text_of(helix(4)), 2, "CA", lambda line: f"{line}\n{line[:16]}B{line[17:30]}{9.0:8.3f}{line[38:]}")
    assert np.allclose(one(text).placed(), helix(4), atol=6e-4)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("HEADER", r"x\.pdb must hold residues with atoms CA, got none"),
        ("ATOM      1  CA  GLY A   1      xx.000   0.000   0.000", r"numbers in columns 31 to 54, got .* in line 1"),
    ],
)
def test_what_is_no_structure_is_told(text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        parse_pdb("x.pdb", text)


@pytest.mark.parametrize(
    ("atoms", "told"),
    [
        (helix(3), r"must have 4 bonded residues with N, CA and C, got 3 residues"),
        (helix(8) * np.array([1, 1, -1]), r"φ > 0 for 100% of its residues: a mirror image"),
        (helix(8) / 10, r"must be in ångström, where CA lies 3\.8 from the next CA, got a median of 0\.38"),
        (helix(8)[::-1], r"must have 4 bonded residues"),
    ],
)
def test_chains_without_a_shape_are_refused(atoms: np.ndarray, told: str) -> None:
    with pytest.raises(DataError, match=told):
        usable(Chain("x", "G" * len(atoms), atoms))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of PDB, two of them of no use."""
    place = tmp_path / "structures"
    place.mkdir()
    generator = np.random.default_rng(1)
    for k in range(12):
        atoms = laid_out(list(generator.uniform(-150, -50, 10)), list(generator.uniform(-60, 150, 10)))
        (place / f"{k}.pdb").write_text(changed(text_of(atoms), k % 10 + 1, None, lambda li: f"{li[:17]}ALA{li[20:]}"))
    (place / "mirror.pdb").write_text(text_of(helix(10) * np.array([-1, 1, 1])))
    (place / "short.pdb").write_text(text_of(helix(3)))
    return place


def test_windows_of_files_of_pdb(folder: Path) -> None:
    with pytest.raises(DataError, match=r"got 2 that cannot be used.*\n(.*\n)?mirror\.pdb A must be of left-handed"):
        read(folder, window=8)
    data = read(folder, window=8, skip_bad=True)
    assert data.x.shape == (36, 8, 3, 3)
    assert data.space.shape == (8, 3, 3)
    assert len(data.skipped) == 2
    assert torch.allclose(data.x[:, :, 1].mean(1), torch.zeros(36, 3), atol=1e-5)
    rows = {split: {k // 3 for k in index.tolist()} for split, index in data.splits.items()}
    assert not rows["train"] & rows["test"]  # windows of a chain share its split
    letters = read(folder, x="seq", skip_bad=True)
    assert letters.codec.texts(letters.x[:1]) == ["AGGGGGGGGG"]
    with pytest.raises(DataError, match="must have 20 bonded residues in a row"):
        read(folder, window=20, skip_bad=True)


def test_folders_say_splits_and_chains_beside_them_are_drawn(folder: Path) -> None:
    for split, k in (("train", 0), ("test", 1)):
        (folder / split).mkdir()
        (folder / f"{k}.pdb").rename(folder / split / f"{k}.pdb")
    data = read(folder, window=10, skip_bad=True)
    assert sum(map(len, data.splits.values())) == len(data) == 12
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.pdb"))
    place = [name for name in names if name[0] not in "ms"].index("test/1.pdb")
    assert place in data.splits["test"].tolist()


def test_structures_without_letters_have_splits_of_their_own(tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    chains = [laid_out(list(generator.uniform(-150, -50, 9)), list(generator.uniform(-60, 150, 9))) for _ in range(40)]
    np.savez(tmp_path / "x.npz", offsets=np.arange(41) * 9, xyz=np.concatenate(chains))
    data = read(tmp_path / "x.npz", window=9)
    assert min(map(len, data.splits.values())) >= 4


def test_a_single_file_of_pdb(folder: Path) -> None:
    assert read(folder / "1.pdb", window=5).x.shape == (6, 5, 3, 3)


def arrays(**others: np.ndarray) -> dict[str, np.ndarray]:
    atoms = np.concatenate([helix(9), helix(8)])
    found = {"offsets": np.array([0, 9, 17]), "seq": np.frombuffer(b"ACDEFGHIKLMNPQRST", np.uint8), "xyz": atoms,
             "region": np.arange(17) % 3}  # fmt: skip
    return found | others


def test_arrays_of_residues(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **arrays(xyz=(arrays()["xyz"] * 100).round().astype(np.int16)))
    with pytest.raises(DataError, match=r"One of x must be x, got \['seq', 'xyz'\]"):
        read(tmp_path / "x.npz")
    windows = read(tmp_path / "x.npz", x="xyz", window=8, given="region")
    assert windows.x.shape == (3, 8, 3, 3)
    assert (windows.x[0, 1:, 1] - windows.x[0, :-1, 1]).norm(dim=1).sub(3.8).abs().max() < 0.05
    assert windows.given.tolist()[1] == [1, 2, 0, 1, 2, 0, 1, 2]
    letters = read(tmp_path / "x.npz", x="seq", given="region")
    assert letters.codec.texts(letters.x) == ["ACDEFGHIK", "LMNPQRST"]
    assert letters.given.tolist()[1] == [0, 1, 2, 0, 1, 2, 0, 1, 3]


def test_files_of_arrays_together_keep_the_splits_that_one_says(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays(split=np.array([0, 2])))
    np.savez(tmp_path / "b.npz", **arrays())
    data = read(tmp_path, x="seq")
    assert len(data) == 4
    assert 0 not in data.splits["test"].tolist()
    assert 1 in data.splits["test"].tolist()


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ({"offsets": np.array([0, 20, 17])}, "'offsets' of x.npz must increase from 0"),
        ({"seq": np.frombuffer(b"acdefghiklmnpqrst", np.uint8)}, "must be 17 capital letters"),
        ({"xyz": np.zeros((17, 4, 3))}, r"numbers of shape \(17, 3, 3\)"),
        ({"split": np.array([0, 3])}, "must say 0, 1 or 2 of each of 2 chains"),
    ],
)
def test_arrays_that_do_not_fit_are_told(tmp_path: Path, others: dict[str, np.ndarray], told: str) -> None:
    np.savez(tmp_path / "x.npz", **arrays(**others))
    with pytest.raises(DataError, match=told):
        read(tmp_path / "x.npz", x="xyz", window=4)


def test_fasta(tmp_path: Path) -> None:
    path = tmp_path / "x.fasta"
    path.write_text(">one first\nMKV\nLLA*\n\n>two\nacd\n")
    data = read(path)
    assert data.codec.texts(data.x) == ["MKVLLA", "ACD"]
    path.write_text(">one\nMKV\n>two\nM-V\n>three\n")
    with pytest.raises(
        DataError, match=r"record 2 \(two\): '-' among its residues\n.*record 3 \(three\): no residues"
    ):
        read(path)
    assert len(read(path, skip_bad=True)) == 1
    path.write_text("MKV\n")
    with pytest.raises(DataError, match="must begin with a line of FASTA, >name, got 'MKV'"):
        read(path)
