"""Rows far out: with tails drawn in, a flow of splines learns what they cost; without, it cannot."""

import pytest
import torch
from torch import Tensor
from torch.distributions import StudentT

from genzoo.core import Batch, Noise, Space, seeded
from genzoo.models.flows import Chain, Flow, LogTails, Nets, Spline, coupling_flow
from genzoo.zoo import recipe_named

T2 = StudentT(torch.tensor(2.0))


def rows(n: int, seed: int) -> Tensor:
    with seeded(seed):
        return T2.sample((n, 2)) / 3  # about the standard units of some thousand rows


def lost(flow: Flow, x: Tensor) -> Tensor:
    """What the density of rows beyond the box falls short of the truth, in nats."""
    with torch.no_grad():
        short = T2.log_prob(3 * x).sum(1) + 2 * torch.tensor(3.0).log() - flow.log_prob(x)
    return short[x.abs().amax(1) > 5].mean()


def trained(flow: Flow, steps: int = 100) -> Flow:
    x, optimizer = rows(4000, 0), torch.optim.Adam(flow.parameters(), lr=5e-3)
    flow.prepare([Batch(x)])
    for step in range(steps):
        batch = Batch(x[Noise(step, "rows").integers(len(x), 500)], None, Noise(step))
        optimizer.zero_grad()
        flow.loss(batch).backward()
        optimizer.step()
    return flow.eval()


def test_far_rows_keep_a_density_that_training_improves() -> None:
    x = rows(20_000, 1)
    with seeded(0):
        plain, drawn_in = (coupling_flow(Space((2,)), None, Spline(), Nets(width=16), depth=2) for _ in range(2))
    drawn_in.bijection = Chain(LogTails((2,)), drawn_in.bijection)
    assert lost(trained(plain), x) > 5
    assert lost(trained(drawn_in), x) < 1.5


def test_recipes_of_splines_draw_tails_in_over_reals_alone() -> None:
    for name in ("nsf", "nsf_autoregressive"):
        for space, expected in ((Space((3,)), True), (Space((3,), levels=8), False)):
            model = recipe_named(name)(space, size="small", depth=1, width=4).model
            assert any(isinstance(part, LogTails) for part in model.modules()) == expected


def test_impossible_tails_are_refused() -> None:
    with pytest.raises(ValueError, match="Take 2 and 1"):
        LogTails((2,), rate=0.0)
