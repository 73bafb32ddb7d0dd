"""Rotations and rigid frames: SO(3) and SE(3), as matrices.

A vector ω turns about its direction by its length, $\\exp : \\mathbb R^3 \\to SO(3)$, and log is the inverse of
least length. Between R and S leads the geodesic $R \\exp(s \\log R^\\top S)$, and the angle of
$R^\\top S$ is how far they are apart. Under the uniform law, that of Haar, the angle θ of a rotation has the density
$(1 - \\cos \\theta) / \\pi$ on [0, π].

A residue of a protein is a frame (R, t): t is its CA, and R turns the plane of N, CA and C to where they are,
the first axis halving their angle. With that angle and ideal lengths the atoms follow.

References:
    Shepperd, 1978, "Quaternion from rotation matrix", Journal of Guidance and Control 1 (logarithms near π)
    Shoemake, 1992, "Uniform random rotations", Graphics Gems III
    Engh & Huber, 1991, "Accurate bond and angle parameters for X-ray protein structure refinement"
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.noise import Noise

__all__ = [
    "angle", "atoms_of", "bend_of", "exp", "frames_of", "geodesic", "log", "matrices", "quaternions", "uniform",
]  # fmt: skip

NEAR = 1e-2  # angles below have series, whose next term is below what a double can tell
N_CA, CA_C, BEND = 1.458, 1.525, math.radians(111.2)  # Å, Å and the angle at CA


def exp(omega: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The rotation about ω by |ω|, by Rodrigues' formula with θ = |ω|,

    $$ \\exp \\omega = I + \\frac{\\sin\\theta}{\\theta}[\\omega] + \\frac{1 - \\cos\\theta}{\\theta^2}[\\omega]^2. $$

    Args:
        omega: Vectors.

    Example:
        >>> turn = exp(torch.tensor([0.0, 0.0, math.pi / 2]))
        >>> (turn @ torch.tensor([1.0, 0.0, 0.0])).round().abs().tolist()
        [0.0, 1.0, 0.0]
    """
    square = omega.square().sum(-1)[..., None, None]
    theta = square.clamp_min(NEAR**2).sqrt()
    near = square < NEAR**2
    first = torch.where(near, 1 - square / 6 * (1 - square / 20 * (1 - square / 42)), theta.sin() / theta)
    half = (theta / 2).sin() / theta
    second = torch.where(near, 0.5 - square / 24 * (1 - square / 30 * (1 - square / 56)), 2 * half.square())
    turn = _hat(omega)
    return torch.eye(3, dtype=omega.dtype, device=omega.device) + first * turn + second * (turn @ turn)


def log(rotation: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """The shortest vector whose exponential a rotation is; of the two at an angle of π either.

    By way of the unit quaternion (w, v) with w ≥ 0, $\\omega = 2 \\operatorname{atan2}(|v|, w)\\, v / |v|$, which is
    exact to rounding at all angles, where $(R - R^\\top)/2$ tells nothing of the axis near π.

    Args:
        rotation: Rotations.

    Example:
        >>> omega = torch.tensor([[3.0, 0.5, 0.0], [0.0, 0.0, 1e-5]])
        >>> torch.allclose(log(exp(omega)), omega, atol=1e-5)
        True
    """
    q = quaternions(rotation)
    w, v = q[..., :1], q[..., 1:]
    square = v.square().sum(-1, keepdim=True)
    length = square.clamp_min(NEAR**2).sqrt()
    ratio = square / w.square().clamp_min(0.5)  # of a small angle, w is nearly 1
    series = 2 / w.clamp_min(0.5) * (1 - ratio / 3 * (1 - ratio * 3 / 5 * (1 - ratio * 5 / 7)))
    return v * torch.where(square < NEAR**2, series, 2 * torch.atan2(length, w) / length)


def geodesic(
    start: Float[Tensor, "*batch 3 3"], end: Float[Tensor, "*batch 3 3"], share: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch 3 3"]:
    """The rotations that lie so far on the shortest way between others.

    Args:
        start: Where the ways begin.
        end: Where they end.
        share: Of the way, in [0, 1].

    Example:
        >>> turn = exp(torch.tensor([[0.0, 2.0, 0.0]]))
        >>> angle(geodesic(torch.eye(3)[None], turn, torch.tensor([0.25])))
        tensor([0.5000])
    """
    return start @ exp(share[..., None] * log(start.mT @ end))


def angle(rotation: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch"]:
    """By how much rotations turn, in [0, π].

    Args:
        rotation: Rotations.
    """
    return log(rotation).norm(dim=-1)


def quaternions(rotation: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """Rotations as unit quaternions (w, x, y, z) with w ≥ 0, by that of four formulas which divides by the most.

    Args:
        rotation: Rotations.

    Example:
        >>> quaternions(torch.diag(torch.tensor([1.0, -1.0, -1.0]))).tolist()  # half a turn about x
        [0.0, 1.0, 0.0, 0.0]
    """
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in rotation.unbind(-2))
    products = torch.stack(  # 4 q qᵀ
        [
            torch.stack([1 + a + e + i, h - f, c - g, d - b], -1),
            torch.stack([h - f, 1 + a - e - i, b + d, c + g], -1),
            torch.stack([c - g, b + d, 1 - a + e - i, f + h], -1),
            torch.stack([d - b, c + g, f + h, 1 - a - e + i], -1),
        ],
        -2,
    )
    most = products.diagonal(dim1=-2, dim2=-1).argmax(-1)[..., None, None].expand(*products.shape[:-2], 1, 4)
    q = products.gather(-2, most)[..., 0, :]
    q = q / q.norm(dim=-1, keepdim=True)
    return torch.where(q[..., :1] < 0, -q, q)


def matrices(quaternion: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """Quaternions of any length, (w, x, y, z), as rotations.

    Args:
        quaternion: Quaternions other than zero.

    Example:
        >>> matrices(torch.tensor([2.0, 0.0, 0.0, 0.0])).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    w, v = quaternion[..., :1, None], quaternion[..., 1:]
    square = quaternion.square().sum(-1)[..., None, None]
    turn = _hat(v)
    return torch.eye(3, dtype=v.dtype, device=v.device) + 2 * (w * turn + turn @ turn) / square


def uniform(noise: Noise, *shape: int, dtype: torch.dtype | None = None) -> Float[Tensor, "*shape 3 3"]:
    """Rotations drawn uniformly: four normal numbers are a quaternion of uniform direction.

    Args:
        noise: Where they come from, a row for each of the first axis.
        shape: How many; the first axis is that of rows.
        dtype: The type of the entries; torch's default if none is named.

    Example:
        >>> uniform(Noise(0), 5, 2).shape
        torch.Size([5, 2, 3, 3])
    """
    return matrices(noise.normal(*shape, 4, dtype=dtype))


def frames_of(atoms: Float[Tensor, "*batch 3 3"]) -> tuple[Float[Tensor, "*batch 3 3"], Float[Tensor, "*batch 3"]]:
    """The rotation and the place of each residue.

    With unit vectors u to C and v to N, the axes are those of u + v, of u − v, which are orthogonal, and their cross
    product.

    Args:
        atoms: N, CA and C, not all on one line.

    Example:
        >>> rotation, place = uniform(Noise(0), 7), torch.randn(7, 3)
        >>> again = frames_of(atoms_of(rotation, place))
        >>> torch.allclose(again[0], rotation, atol=1e-5), torch.allclose(again[1], place)
        (True, True)
    """
    n, place, c = atoms.unbind(-2)
    u, v = (_unit(end - place) for end in (c, n))
    first, second = _unit(u + v), _unit(u - v)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -1), place


def atoms_of(
    rotation: Float[Tensor, "*batch 3 3"],
    place: Float[Tensor, "*batch 3"],
    bend: Float[Tensor, "*batch"] | None = None,
) -> Float[Tensor, "*batch 3 3"]:
    """N, CA and C of each residue, of ideal lengths.

    Args:
        rotation: Of each residue.
        place: Of each CA, in Å.
        bend: The angle N – CA – C of each residue in radians; by default the ideal one.
    """
    half = rotation.new_tensor(BEND) / 2 if bend is None else bend / 2
    cos, sin = (each[..., None] * rotation[..., k] for k, each in enumerate((half.cos(), half.sin())))
    return torch.stack([place + N_CA * (cos - sin), place, place + CA_C * (cos + sin)], -2)


def bend_of(atoms: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch"]:
    """The angle N – CA – C of each residue, in radians.

    Args:
        atoms: N, CA and C.

    Example:
        >>> round(bend_of(torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])).item() / math.pi, 5)
        0.5
    """
    n, place, c = atoms.unbind(-2)
    u, v = (_unit(end - place) for end in (c, n))
    return 2 * torch.atan2((u - v).norm(dim=-1), (u + v).norm(dim=-1))


def _hat(omega: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The matrix [ω], by which ω × x is [ω] x."""
    x, y, z = omega.unbind(-1)
    zero = torch.zeros_like(x)
    rows = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1)
    return rows.unflatten(-1, (3, 3))


def _unit(vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    return vector / vector.norm(dim=-1, keepdim=True)
