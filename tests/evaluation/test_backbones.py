"""Measures of backbones against another library's superposition and backbones whose torsions are known."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from genzoo.core import Noise
from genzoo.distributions.estimate import NotFinite, TooFew
from genzoo.evaluation import backbones
from genzoo.nn import rigid
from tests.backbones import helix, laid_out


def several(n: int, phi: float, psi: float) -> torch.Tensor:
    """Backbones of 12 residues, nearly alike, turned at random."""
    generator = np.random.default_rng(0)
    rows = [laid_out(list(phi + generator.normal(0, 5, 12)), list(psi + generator.normal(0, 5, 12))) for _ in range(n)]
    turns = rigid.uniform(Noise(0), n, 1, dtype=torch.float64)
    return (torch.from_numpy(np.stack(rows)) @ turns.mT).float()


def test_superposition_is_that_of_scipy() -> None:
    x, y = Noise(1).normal(6, 15, 3, dtype=torch.float64), Noise(2).normal(5, 15, 3, dtype=torch.float64)
    found = backbones.superposed(x, y)
    for i, j in ((0, 0), (3, 4), (5, 1)):
        a, b = (each - each.mean(0) for each in (x[i].numpy(), y[j].numpy()))
        _, off = Rotation.align_vectors(a, b)
        assert found[i, j].item() == pytest.approx(off / math.sqrt(15), abs=1e-9)


def test_mirror_images_lie_apart() -> None:
    x = several(1, -60, -45)[:, :, 1]
    assert backbones.superposed(x, x)[0, 0] < 1e-5
    assert backbones.superposed(x, x * torch.tensor([1.0, 1.0, -1.0]))[0, 0] > 1


def test_flat_and_straight_points_are_superposed_too() -> None:
    line = torch.arange(8.0)[:, None] * torch.tensor([1.0, 0.0, 0.0])
    assert backbones.superposed(line[None], line[None] @ rigid.exp(torch.tensor([0.3, 2.0, 1.0])).mT).item() < 1e-5


def test_a_helix_and_a_strand_are_told() -> None:
    for rows, helices, strands in ((several(20, -62, -42), 1, 0), (several(20, -120, 130), 0, 1)):
        found = backbones.backbone_geometry(rows)
        assert found.helix.value == helices
        assert found.strand.value == strands
        assert found.step.value == found.bond.value == found.clash_free.value == 1


def test_a_stretched_and_a_folded_backbone_are_told() -> None:
    rows = several(20, -62, -42)
    assert backbones.backbone_geometry(rows * 1.06).bond.value == 0
    assert backbones.backbone_geometry(rows * 1.06).step.value == 0
    folded = rows.clone()
    folded[:5, 11] = folded[:5, 3]
    assert backbones.backbone_geometry(folded).clash_free.value == 0.75


def test_torsions_are_compared_by_their_histograms() -> None:
    helices, strands = several(30, -62, -42), several(30, -120, 130)
    assert backbones.ramachandran_distance(helices, strands) == pytest.approx(math.log(2))
    assert backbones.ramachandran_distance(helices, helices) == 0
    both = torch.cat([helices, strands])
    # of a half: log 2 − (3/4) log 3 + (1/2) log 2, in closed form
    assert backbones.ramachandran_distance(both, helices) == pytest.approx(1.5 * math.log(2) - 0.75 * math.log(3))


def test_the_nearest_and_the_clusters() -> None:
    rows = torch.cat([several(6, -62, -42), several(6, -120, 130)])
    far, which = backbones.nearest_backbones(rows[4:8], rows)
    assert far.max() < 1e-3
    assert which.tolist() == [4, 5, 6, 7]
    assert backbones.clusters_of(rows) == 2
    assert backbones.clusters_of(rows, radius=1e-2) == 12


MEASURES = [
    backbones.backbone_geometry,
    backbones.ramachandran,
    lambda x: backbones.ramachandran_distance(x, several(2, -62, -42)),
    lambda x: backbones.nearest_backbones(several(2, -62, -42), x),
    backbones.clusters_of,
]


@pytest.mark.parametrize("measure", MEASURES)
def test_what_is_no_backbone_is_refused(measure: Callable[[torch.Tensor], object]) -> None:
    with pytest.raises(TooFew, match="row"):
        measure(torch.zeros(0, 12, 3, 3))
    with pytest.raises(ValueError, match=r"takes backbones \(n, T, 3, 3\)"):
        measure(torch.zeros(4, 12, 4, 3))
    lost = several(4, -62, -42)
    lost[1, 3, 0] = torch.nan
    with pytest.raises(NotFinite, match="in 1 of 4 rows"):
        measure(lost)


def test_one_backbone_has_no_error() -> None:
    with pytest.raises(TooFew, match="A measure of backbones"):
        backbones.backbone_geometry(helix(5)[None])


def test_any_container_will_do() -> None:
    rows = several(5, -62, -42)
    assert backbones.backbone_geometry(rows.numpy()) == backbones.backbone_geometry(rows)
    assert backbones.clusters_of(rows.tolist()) == 1
