"""Rotations against another library's, near 0 and near π too; frames against atoms laid out by their torsions."""

import math

import pytest
import torch
from scipy.spatial.transform import Rotation
from scipy.stats import kstest

from genzoo.core import Noise
from genzoo.nn import rigid
from tests.backbones import helix

ANGLES = [0.0, 1e-9, 1e-4, 0.99e-2, 1.01e-2, 1.0, 3.0, math.pi - 1e-2, math.pi - 1e-4, math.pi - 1e-8, math.pi]


def axes(n: int) -> torch.Tensor:
    axis = Noise(1).normal(n, 3, dtype=torch.float64)
    return axis / axis.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("theta", ANGLES)
def test_exp_and_log_are_those_of_scipy_at_every_angle(theta: float) -> None:
    omega = theta * axes(50)
    turned = rigid.exp(omega)
    assert torch.allclose(turned, torch.from_numpy(Rotation.from_rotvec(omega.numpy()).as_matrix()), atol=1e-14)
    assert torch.allclose(rigid.exp(rigid.log(turned)), turned, atol=1e-13)
    single = turned.float()
    assert torch.allclose(rigid.exp(rigid.log(single)), single, atol=1e-6)
    if theta < math.pi - 1e-9:  # at π both directions of the axis are right
        assert torch.allclose(rigid.log(turned), omega, atol=1e-13)
    assert torch.allclose(rigid.angle(turned), torch.full((50,), theta, dtype=torch.float64), atol=1e-13)


def test_slopes_of_exp_are_finite_and_right_at_zero() -> None:
    omega = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    slopes = torch.autograd.functional.jacobian(rigid.exp, omega)
    turns = torch.tensor([[[0, 0, 0], [0, 0, -1], [0, 1, 0]], [[0, 0, 1], [0, 0, 0], [-1, 0, 0]],
                          [[0, -1, 0], [1, 0, 0], [0, 0, 0]]], dtype=torch.float64)  # fmt: skip
    assert torch.allclose(slopes, turns.permute(1, 2, 0))
    assert torch.autograd.gradcheck(rigid.exp, (1e-3 * axes(2)).requires_grad_())
    assert torch.autograd.gradcheck(rigid.exp, (1.3 * axes(2)).requires_grad_())


def test_quaternions_go_there_and_back() -> None:
    turned = rigid.uniform(Noise(2), 200, dtype=torch.float64)
    assert torch.allclose(rigid.matrices(rigid.quaternions(turned)), turned, atol=1e-14)
    assert torch.allclose(turned @ turned.mT, torch.eye(3, dtype=torch.float64), atol=1e-14)
    assert torch.allclose(torch.linalg.det(turned), torch.ones(200, dtype=torch.float64))


def test_uniform_rotations_have_the_angles_of_haars_law_and_turn_a_vector_everywhere() -> None:
    turned = rigid.uniform(Noise(3), 2000, dtype=torch.float64)
    angles = rigid.angle(turned).numpy()
    assert kstest(angles, lambda theta: (theta - torch.from_numpy(theta).sin().numpy()) / math.pi).pvalue > 1e-3
    for k in range(3):  # heights on a sphere are uniform
        assert kstest(turned[:, k, 0].numpy(), "uniform", args=(-1, 2)).pvalue > 1e-3


def test_a_row_of_uniform_rotations_depends_on_its_number_alone() -> None:
    whole, part = rigid.uniform(Noise(3), 9, 2), rigid.uniform(Noise(3, start=4), 5, 2)
    assert torch.equal(whole[4:], part)


def test_geodesics_have_even_speed_and_turn_with_their_ends() -> None:
    start, end, by = (rigid.uniform(Noise(seed), 40, dtype=torch.float64) for seed in (4, 5, 6))
    for share in (0.0, 0.3, 1.0):
        at = rigid.geodesic(start, end, torch.full((40,), share, dtype=torch.float64))
        assert torch.allclose(rigid.angle(start.mT @ at), share * rigid.angle(start.mT @ end), atol=1e-12)
        moved = rigid.geodesic(by @ start, by @ end, torch.full((40,), share, dtype=torch.float64))
        assert torch.allclose(moved, by @ at, atol=1e-12)


def test_frames_and_angles_say_where_atoms_of_ideal_lengths_are() -> None:
    atoms = torch.from_numpy(helix(12))
    rotation, place = rigid.frames_of(atoms)
    assert torch.allclose(rigid.atoms_of(rotation, place), atoms, atol=1e-6)
    assert torch.allclose(rigid.bend_of(atoms), torch.full((12,), math.radians(111.2), dtype=torch.float64), atol=1e-9)
    bent = rigid.atoms_of(rotation, place, torch.full((12,), 2.0, dtype=torch.float64))
    assert torch.allclose(rigid.bend_of(bent), torch.full((12,), 2.0, dtype=torch.float64))
    assert torch.allclose(rigid.frames_of(bent)[0], rotation)
    turn, shift = rigid.uniform(Noise(7), 1, dtype=torch.float64)[0], torch.tensor([1.0, -2.0, 3.0]).double()
    moved = rigid.frames_of(atoms @ turn.mT + shift)
    assert torch.allclose(moved[0], turn @ rotation)
    assert torch.allclose(moved[1], place @ turn.mT + shift)
