"""Operators: adjoints, pseudo-inverses, singular values and what is composed of them."""

import io

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from genzoo.core import Noise, Unsupported
from genzoo.tasks.inverse import (
    AveragePool,
    BlockDCT,
    Blur,
    Exact,
    Fourier,
    Gaussian,
    Gray,
    Identity,
    Interval,
    Linear,
    LowPass,
    Mask,
    Measurement,
    Poisson,
    Radon,
    bayer,
    box,
    decimate,
    half,
    hidden,
    jpeg,
    measure,
    strokes,
    uncrop,
)

SHAPE = (3, 12, 8)
MAKERS = {
    "identity": lambda: Identity(SHAPE),
    "hidden": lambda: hidden(SHAPE, 0.7),
    "box": lambda: box(SHAPE, 4),
    "uncrop": lambda: uncrop(SHAPE, 4),
    "half": lambda: half(SHAPE),
    "strokes": lambda: strokes(SHAPE),
    "bayer": lambda: bayer(SHAPE),
    "by row": lambda: Mask(Noise(0).normal(3, *SHAPE) > 0, by_row=True),
    "gray": lambda: Gray(SHAPE),
    "pool": lambda: AveragePool(SHAPE, 4),
    "blur": lambda: Blur(SHAPE, 1.5),
    "pool of blur": lambda: AveragePool(SHAPE, 2) @ Blur(SHAPE, 0.8),
    "fourier": lambda: Fourier.at_random(SHAPE, 0.5),
    "radon": lambda: Radon((2, 8, 8), 7),
    "low pass": lambda: LowPass((2, 15), 0.4),
    "decimate": lambda: decimate((2, 16), 4),
    "dct": lambda: BlockDCT((3, 16, 8)),
    "dct of halved colors": lambda: BlockDCT((3, 16, 16), "4:2:0"),
    "gray of a half": lambda: Gray(SHAPE) @ half(SHAPE),
}
CLOSED = ("identity", "hidden", "bayer", "gray", "pool")


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_an_adjoint_is_one(name: str, seed: int) -> None:
    """⟨A x, y⟩ = ⟨x, Aᵀ y⟩, by the operator's own adjoint and by differentiation."""
    operator, noise = MAKERS[name](), Noise(seed)
    x = noise.normal(3, *operator.domain, dtype=torch.float64)
    y = noise.normal(3, *operator.range, dtype=torch.float64)
    left = (operator(x) * y).sum()
    size = operator(x).norm() * y.norm() + 1e-30
    for adjoint in (operator.adjoint(y), Linear.adjoint(operator, y)):
        assert abs(left - (x * adjoint).sum()) <= 1e-10 * size


@pytest.mark.parametrize("name", MAKERS)
def test_a_pseudo_inverse_gives_back_what_was_seen(name: str) -> None:
    operator = MAKERS[name]()
    x = Noise(1).normal(3, *operator.domain, dtype=torch.float64)
    y = operator(x)
    back = operator.pinv(y)
    torch.testing.assert_close(operator(back), y, atol=1e-5, rtol=1e-5)
    assert back.square().sum() <= x.square().sum() * (1 + 1e-6)
    noisy = (y + Noise(2).normal(*y.shape, dtype=torch.float64)).float()  # which A need not reach
    assert (operator(operator.pinv(noisy)) - noisy).norm() <= noisy.norm() * (1 + 1e-5)
    if (gram := operator.gram()) is not None:
        torch.testing.assert_close(operator(operator.adjoint(y)), gram.to(y) * y)


@pytest.mark.parametrize("name", CLOSED)
def test_singular_vectors_rebuild_the_matrix(name: str) -> None:
    operator = MAKERS[name]()
    found, matrix = operator.svd(), operator.matrix()
    x = Noise(1).normal(2, *operator.domain, dtype=torch.float64)
    torch.testing.assert_close(found.u(found.values.to(x) * found.vt(x)), operator(x))
    counted = operator.counted
    values = found.values if counted is None else found.values[counted.expand(operator.range)]
    expected = torch.linalg.svdvals(matrix)
    torch.testing.assert_close(values.flatten().double().sort(descending=True).values, expected, atol=1e-6, rtol=1e-6)


def test_matrices_are_refused_where_there_is_none() -> None:
    with pytest.raises(Unsupported, match="each row"):
        MAKERS["by row"]().matrix()
    with pytest.raises(Unsupported, match="at most"):
        Identity((8192,)).matrix()
    with pytest.raises(Unsupported, match="singular vectors"):
        (AveragePool(SHAPE, 2) @ Blur(SHAPE, 0.8)).svd()
    with pytest.raises(ValueError, match="must take what"):
        Gray(SHAPE) @ Gray(SHAPE)


@pytest.mark.parametrize(("channels", "quality", "subsampling"), [
    (1, 10, "4:4:4"), (1, 75, "4:4:4"), (3, 30, "4:4:4"), (3, 75, "4:4:4"), (3, 30, "4:2:0"), (3, 80, "4:2:0"),
])  # fmt: skip
def test_a_jpeg_is_what_pillow_shows(channels: int, quality: int, subsampling: str) -> None:
    """A picture of the middles of bins keeps them in Pillow's file, and is shown the same to within a level."""
    shape = (channels, 32, 16)
    smooth = Blur(shape, 2.0)(Noise(4).uniform(1, *shape, dtype=torch.float64))
    x = (smooth - smooth.min()) / (smooth.max() - smooth.min()) * 0.7 + 0.15
    operator, channel = jpeg(shape, quality, subsampling)
    seen = measure(operator, x, channel, seed=0)
    picture = (operator.pinv(seen.y) * 255).round().clamp(0, 255).byte()[0].permute(1, 2, 0).squeeze(-1)
    file = io.BytesIO()
    Image.fromarray(picture.numpy()).save(
        file, "JPEG", quality=quality, subsampling=0 if subsampling == "4:4:4" else 2
    )
    shown = torch.tensor(numpy.array(Image.open(file)), dtype=torch.float64).reshape(32, 16, channels)
    assert (operator.decoded(seen.y)[0] * 255 - shown.permute(2, 0, 1)).abs().max() <= 1
    assert seen.log_prob(x).item() == 0
    assert seen.log_prob(1 - x).item() == -torch.inf


def test_rays_from_the_sides_are_sums_of_columns_and_rows() -> None:
    x = Noise(3).uniform(1, 1, 8, 8, dtype=torch.float64)
    sums = Radon((1, 8, 8), 2)(x)[0, 0]
    torch.testing.assert_close(sums[0], x[0, 0].sum(0))
    torch.testing.assert_close(sums[1], x[0, 0].sum(1))


def test_rows_of_an_operator_follow_rows_of_data() -> None:
    mask, x = MAKERS["by row"](), Noise(2).normal(3, *SHAPE)
    index = torch.tensor([2, 0, 2])
    assert torch.equal(mask.rows(index)(x[index]), mask(x)[index])


@pytest.mark.parametrize("channel", [Gaussian(0.1), Poisson(1000.0), Interval(0.25), Exact()])
def test_channels_know_their_spread(channel) -> None:
    """What is drawn has the variance that the channel tells, and is likely under it."""
    operator, x = Identity((4000,)), Noise(0).uniform(1, 4000, dtype=torch.float64)
    seen = measure(operator, x, channel, seed=3)
    told = channel.variance(x).mean().item()
    assert (seen.y - x).square().mean().item() == pytest.approx(told, rel=0.1, abs=1e-12)
    assert seen.log_prob(x).item() > seen.log_prob(1 - x).item()
    assert torch.equal(seen.y, measure(operator, x, channel, seed=3).y)


def test_ranges_change_in_one_place() -> None:
    """u in [−1, 1] and x in [0, 1] have one likelihood."""
    x = Noise(0).uniform(2, 3, 8, 8, dtype=torch.float64)
    seen = measure(AveragePool((3, 8, 8), 2), x, Gaussian(0.1), seed=0)
    u = 2 * x - 1
    torch.testing.assert_close(seen.on(0.5, 0.5).log_prob(u), seen.log_prob(x))
    along, back = seen.on(0.5, 0.5).linear(u)
    torch.testing.assert_close(along(u), seen.operator(u / 2))
    torch.testing.assert_close(back(seen.y), seen.operator.adjoint(seen.y) / 2)


def test_what_is_no_measurement_is_refused() -> None:
    operator = Identity((3,))
    with pytest.raises(ValueError, match="rows of shape"):
        measure(operator, torch.zeros(2, 4), Exact(), seed=0)
    with pytest.raises(ValueError, match="as_numbers"):
        measure(operator, torch.zeros(2, 3, dtype=torch.uint8), Exact(), seed=0)
    with pytest.raises(ValueError, match="take a Mask"):
        Measurement(operator, torch.full((1, 3), torch.nan), Exact())
    with pytest.raises(ValueError, match=r"Exact\(\)"):
        Gaussian(0.0)
    with pytest.raises(ValueError, match="0 and 1 alone"):
        Mask(torch.tensor([0.0, 0.5]))
