"""Bad input of flows: the error names columns, rows or layer, what was got, and the fix."""

import math

import pytest
import torch
from torch import Tensor

from genzoo.core import Batch, Space
from genzoo.core.errors import ColumnError, DataError
from genzoo.data import Rows
from genzoo.models import Standardized
from genzoo.models.flows import Flatten, Flow, Logit, Mixing, Nets, Squeeze, coupling_flow
from genzoo.training import TrainConfig, train


def model() -> Flow:
    return coupling_flow(Space((3,)), nets=Nets(width=4), depth=2)


def table(n: int = 50) -> Tensor:
    return torch.randn(n, 3)


def test_columns_that_never_vary_are_named() -> None:
    x = table()
    x[:, 1] = 4.0
    for wrapped in (model(), Standardized(model())):
        with pytest.raises(ColumnError, match=r"Column 1 .* must vary.* one value in all rows\. Drop .* set floor="):
            wrapped.prepare([Batch(x)])


def test_columns_that_others_determine_are_named() -> None:
    for other in (lambda x: x[:, 0], lambda x: 5 - 3 * x[:, 0]):
        x = table()
        x[:, 2] = other(x)
        with pytest.raises(
            ColumnError, match=r"Columns 0, 2 .* must not determine each other.*Drop one of them, or set floor="
        ):
            Standardized(model()).prepare([Batch(x)])
    x = table()
    x[:, 2] = x[:, 0] - 2 * x[:, 1] + 1
    with pytest.raises(ColumnError, match="Columns 0, 1, 2 "):
        model().prepare([Batch(x)])


def test_a_floor_gives_them_a_width_in_training_alone() -> None:
    """What is learned of copies is that they differ by noise of that variance: nothing grows without a bound."""
    x = table(400)
    x[:, 2] = x[:, 0]
    flow = coupling_flow(Space((3,)), nets=Nets(width=16), depth=2)
    flow.floor = 0.01
    rows = Rows(x, None, torch.arange(400), Space((3,)))
    train(flow, rows, TrainConfig(steps=150, lr=1e-2, device="cpu"), say=lambda remark: None)
    bound = -3 * math.log(2 * math.pi * math.e) / 2 - math.log(0.02) / 2  # of noise alone, over one direction less
    with torch.no_grad():
        told = [flow.log_prob(x + 0.1 * torch.randn_like(x)).mean().item() for _ in range(2)]
        assert told[0] < bound + 0.5
        assert flow.log_prob(x).equal(flow.log_prob(x))
        assert flow.log_prob(x).mean() > told[0] > flow.log_prob(x.roll(1, 1)).mean() + 3


def test_few_rows_and_images_are_not_asked() -> None:
    """Fewer rows than columns lie on a plane, and a pixel may be black in all pictures of a start."""
    model().prepare([Batch(table(3))])
    images = coupling_flow(Space((1, 4, 4)), nets=Nets("conv", 4), depth=1)
    images.prepare([Batch(torch.zeros(20, 1, 4, 4))])


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_rows_that_are_not_finite_are_named(bad: float) -> None:
    x, flow = table(), model().eval()
    x[7, 1] = bad
    with pytest.raises(DataError, match=r"must be finite, got .* in row 7, entry 1\. Drop or fill"):
        flow.log_prob(x)
    with pytest.raises(DataError, match="row 7, entry 1"):
        flow.encode(x)
    with pytest.raises(DataError, match="row 7, entry 1"):
        flow.prepare([Batch(x)])


def test_rows_outside_the_support_of_a_logit_are_named() -> None:
    flow = Flow(Space((2,)), None, Logit(4)).eval()
    x = torch.tensor([[2.0, 2.0], [5.0, 1.0], [2.0, -1.0]])
    with pytest.raises(DataError, match=r"must lie in \[0, 4\], got 5 in row 1, entry 0\. Rescale or clip"):
        flow.log_prob(x)
    assert flow.log_prob(torch.tensor([[0.0, 4.0]])).isfinite().all()


def test_sides_that_cannot_be_squeezed_are_named() -> None:
    with pytest.raises(ValueError, match=r"even height and width, got 5 × 4\. Crop or pad"):
        Squeeze()(torch.zeros(2, 1, 5, 4))
    with pytest.raises(ValueError, match=r"multiple of 4 channels, got 3"):
        Squeeze().inverse(torch.zeros(2, 3, 5, 4))
    with pytest.raises(ValueError, match=r"6 entries, got 5"):
        Flatten((2, 3)).inverse(torch.zeros(2, 5))


@pytest.mark.parametrize("kind", ["lu", "plain"])
@pytest.mark.parametrize("value", [0.0, math.nan])
def test_mixings_without_an_inverse_say_so_both_ways(kind: str, value: float) -> None:
    mixing = Mixing(3, kind)  # type: ignore[arg-type]
    with torch.no_grad():
        if kind == "plain":
            mixing.weight[0] = value
        else:
            mixing.log_scale[1] = math.log(value) if value else -math.inf
    for way in (mixing, mixing.inverse):
        with pytest.raises(ValueError, match="A mixing must have an inverse, got a singular matrix or one of NaN"):
            way(torch.ones(2, 3))


def test_the_layer_where_numbers_are_lost_is_named() -> None:
    flow = model().eval()
    coupling = flow.bijection.get_submodule("parts.0.parts.1.parts.3")
    with torch.no_grad():
        coupling.net.last.bias[0] = math.nan  # type: ignore[union-attr,index]
    for call in (flow.encode, flow.log_prob):
        with pytest.raises(
            ArithmeticError,
            match=r"row 0 is lost in layer parts\.0\.parts\.1\.parts\.3, a Coupling, whose net\.last\.bias",
        ):
            call(torch.zeros(2, 3))
    assert flow.train().loss(Batch(torch.zeros(2, 3))).isnan()  # the loop of training says so itself
    with torch.no_grad():
        coupling.net.last.bias[0] = 0.0  # type: ignore[union-attr,index]
        coupling.net.last.weight.fill_(100.0)  # type: ignore[union-attr,operator]
    with pytest.raises(ArithmeticError, match="row 1 is lost in layer .* where numbers grow too large"):
        flow.eval().encode(torch.tensor([[0.0, 0.0, 0.0], [3e38, 3e38, 0.0]]))
