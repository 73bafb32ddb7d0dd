"""Distances and neighbors in blocks against those computed in one piece."""

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.distributions import nearest, neighbor_radii, squared_distances
from genzoo.distributions.pairwise import NearestRows

X, Y = (Noise(seed).normal(n, 3, dtype=torch.float64) for seed, n in ((0, 50), (1, 37)))


def test_squared_distances_are_those_of_cdist():
    torch.testing.assert_close(squared_distances(X, Y), torch.cdist(X, Y).square())


@pytest.mark.parametrize("block", [3, 16, 50, 1024])
def test_radii_and_neighbors_do_not_depend_on_blocks(block):
    radii = torch.cdist(X, X).kthvalue(6, dim=1).values  # the first is the row itself
    torch.testing.assert_close(neighbor_radii(X, 5, block=block).sqrt(), radii)
    distances, index = nearest(Y, X, block=block)
    expected = torch.cdist(Y, X).min(1)
    torch.testing.assert_close(distances, expected.values)
    assert torch.equal(index, expected.indices)


def test_a_copy_is_at_distance_zero_far_from_the_origin():
    far = (X + 1e4).float()
    distances, index = nearest(far, far)
    assert distances.max() == 0
    assert torch.equal(far[index], far)


@pytest.mark.parametrize("m", [7, 300, 1000])
def test_the_nearest_of_another_set_are_those_of_a_plain_search(m: int) -> None:
    """Also where they stand in one group, far from the origin, and where a row is its own copy."""
    among = Noise(0).normal(m, 3) + 50
    among[: m // 2] = among[: m // 2].sort(0).values
    x = torch.cat([Noise(1).normal(200, 3) + 50, among[:40]])
    found, places = NearestRows(among)(x, 5)
    assert found.allclose((x[:, None] - among[places]).square().sum(2), rtol=1e-3, atol=1e-6)
    plain = torch.cdist(x.double(), among.double()).square().sort(1).values[:, :5]
    assert found.double().allclose(plain, rtol=1e-3, atol=1e-6)
    assert (found[200:, 0] == 0).all()


@pytest.mark.parametrize("spread", [0.02, 0.5])
def test_the_nearest_of_wide_rows_are_found_along_their_leading_axes(spread: float) -> None:
    """Where few axes have nearly all of the variance; with more noise across them bounds say nothing of many rows."""
    noise = Noise(2)
    mix = noise.normal(12, 160)
    known, asked = (
        noise.at(i).normal(n, 12) @ mix + spread * noise.at(i + 2).normal(n, 160) for i, n in ((0, 2000), (1, 90))
    )
    search = NearestRows(known)
    assert search.axes is not None
    assert search.axes.shape[1] < 40
    found, places = search(torch.cat([asked, known[:3]]), 5)
    plain = torch.cdist(torch.cat([asked, known[:3]]).double(), known.double()).square().sort(1)
    assert places.equal(plain.indices[:, :5])
    assert found.double().allclose(plain.values[:, :5], rtol=1e-3, atol=1e-6)
    assert NearestRows(Noise(0).normal(300, 160)).axes is None
