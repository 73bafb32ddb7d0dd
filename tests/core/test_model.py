"""The contract itself, on models made up for the purpose."""

import pytest
import torch
from torch import Tensor

from genzoo.core import Batch, Capability, Column, GenerativeModel, Given, Likelihood, Noise, Space, Unsupported
from genzoo.core.model import evaluating
from genzoo.models.classical import GaussianMixture
from genzoo.models.dequantized import Dequantized
from genzoo.models.standardized import Standardized


class Shifted(GenerativeModel):
    """N(shift, I), with a dropped condition to watch."""

    likelihood = Likelihood.EXACT

    def __init__(self, given: Space | dict[str, Space] | None = None, drop_given: float = 0.0) -> None:
        super().__init__(Space((2,)), given)
        self.drop_given = drop_given
        self.shift = torch.nn.Parameter(torch.zeros(2))

    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        return self.shift + noise.normal(n, 2)

    def log_density(self, x: Tensor, given: Given, noise: Noise) -> Tensor:
        return torch.distributions.Normal(self.shift, 1.0).log_prob(x).sum(1)


class Sampler(GenerativeModel):
    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        return noise.normal(n, *self.space.shape)


def test_capabilities_follow_from_what_is_written() -> None:
    can = {c.value for c in Capability if Shifted().can(c)}
    assert can == {"sample", "log_prob", "score", "loss"}
    assert {c.value for c in Capability if Sampler(Space((2,))).can(c)} == {"sample"}
    assert not type("Bytes", (Shifted,), {})().can("encode")


def test_refusals_say_what_is_offered_instead() -> None:
    model = Sampler(Space((2,)))
    with pytest.raises(Unsupported, match=r"Sampler cannot log_prob .*It can: sample"):
        model.log_prob(torch.zeros(1, 2))
    for call in (lambda: model.score(torch.zeros(1, 2)), lambda: model.encode(torch.zeros(1, 2))):
        with pytest.raises(Unsupported):
            call()


def test_the_score_is_the_gradient_even_without_grad() -> None:
    with torch.no_grad():
        assert torch.allclose(Shifted().score(torch.ones(3, 2)), -torch.ones(3, 2))


def test_conditions_are_dropped_in_training_only() -> None:
    model = Shifted(Space((), levels=3), drop_given=0.5)
    batch = Batch(torch.zeros(1000, 2), torch.ones(1000, dtype=torch.int64), Noise(0))
    share = (model.training_given(batch)["given"] < 0).float().mean().item()
    assert share == pytest.approx(0.5, abs=0.06)
    assert (model.eval().training_given(batch)["given"] == 1).all()
    assert (batch.given["given"] == 1).all()


def test_several_conditions_are_dropped_one_by_one_and_together() -> None:
    model = Shifted({"a": Space((), levels=3), "b": Space((2,))}, drop_given=0.5)
    given = {"a": torch.ones(1000, dtype=torch.int64), "b": torch.ones(1000, 2)}
    dropped = model.training_given(Batch(torch.zeros(1000, 2), given, Noise(0)))
    a, b = dropped["a"] < 0, dropped["b"].isnan().all(1)
    assert [part.float().mean().item() for part in (a, b)] == pytest.approx([0.5, 0.5], abs=0.06)
    assert (a & b).float().mean() > 0.25
    assert (a ^ b).float().mean() > 0.25


class Rows(Sampler):
    by_column = True


def test_a_row_holds_what_its_columns_hold() -> None:
    space = Space((3,), columns=(Column("real"), Column("integer"), Column("categorical", 3)))
    with pytest.raises(ValueError, match="entries of one kind"):
        Sampler(space)
    model = Rows(space)
    fine = torch.tensor([[0.5, -7, 2], [torch.nan, 2.0**52, 0]], dtype=torch.float64)
    assert model.checked(fine) is fine
    for entry, value, said in ((1, 0.5, "whole"), (2, 3, r"\[0, 3\)"), (2, -1, r"\[0, 3\)"), (2, 0.5, "integers")):
        wrong = fine.clone()
        wrong[1, entry] = value
        with pytest.raises(ValueError, match=rf"Entry {entry} .*{said}.* in row 1"):
            model.checked(wrong)
    codes = Rows(Space((2,), columns=(Column("categorical", 20), Column("categorical", 2))))
    assert len(codes.checked(torch.tensor([[19, 1]], dtype=torch.uint8))) == 1
    with pytest.raises(ValueError, match=r"Entry 1 .*\[0, 2\)"):
        codes.checked(torch.tensor([[1, 2]], dtype=torch.uint8))


def test_the_weakest_likelihood_wins() -> None:
    weakest = Likelihood.weakest
    assert weakest(Likelihood.EXACT, Likelihood.EXACT) is Likelihood.EXACT
    assert weakest(Likelihood.BOUND, Likelihood.ESTIMATE) is Likelihood.ESTIMATE
    assert weakest(Likelihood.NONE, Likelihood.EXACT) is Likelihood.NONE


def test_evaluating_puts_every_mode_back() -> None:
    model = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Dropout())
    model[0].eval()
    with evaluating(model):
        assert not any(part.training for part in model.modules())
    assert [part.training for part in model.modules()] == [True, False, True]


def test_counts_must_not_be_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        Shifted().sample(-1)


# What a caller writes


def test_rows_may_be_lists_and_arrays() -> None:
    model, x = GaussianMixture(Space((2,)), components=1), torch.tensor([[0.0, 1.0], [2.0, -1.0]])
    for rows in (x.tolist(), x.numpy(), x.double().numpy(), [[0, 1], [2, -1]]):
        assert torch.equal(model.log_prob(rows), model.log_prob(x))
        assert torch.equal(model.score(rows), model.score(x))
        assert torch.equal(model.encode(rows), model.encode(x))
    assert torch.equal(model.decode([0, 0]), model.decode(torch.tensor([0, 0])))
    with pytest.raises(ValueError, match=r"shape \(2,\), got \(\)"):
        model.log_prob([0.0, 1.0])
    with pytest.raises(ValueError, match="`x` must hold numbers, got list"):
        model.log_prob([["a", "b"]])
    with pytest.raises(ValueError, match=r"Convert with .float()"):
        model.log_prob(x.long())


def test_columns_keep_their_digits_from_arrays() -> None:
    inner = Standardized(GaussianMixture(Space((1,)), components=1), precise=True)
    model = Dequantized(inner, [Column("integer")])
    assert model.checked([[20240229.0]]).tolist() == [[20240229.0]]
    assert model.checked([[20240229]]).dtype == torch.float64


def test_a_model_prints_one_line() -> None:
    model = GaussianMixture(Space((2,)), components=1)
    assert repr(model) == "GaussianMixture(2 reals, given={}, components=1, covariance='full'; 5 parameters)"
    assert repr(Standardized(model)) == f"Standardized({model!r})"


class Watched(Shifted):
    """A model of blocks that notes how many rows it sees at a time."""

    block = 200

    def __init__(self, given: Space | None = None) -> None:
        super().__init__(given, drop_given=0.5)
        self.seen: list[int] = []

    def draw(self, n: int, given: Given, noise: Noise, *, scale: float | Tensor = 1.0) -> Tensor:
        self.seen.append(n)
        return scale * noise.normal(n, 2) + sum(given.values(), torch.zeros(n))[:, None]

    def log_density(self, x: Tensor, given: Given, noise: Noise) -> Tensor:
        self.seen.append(len(x))
        return super().log_density(x, given, noise) + sum(given.values(), torch.zeros(len(x))) + noise.uniform(len(x))


def test_rows_come_in_blocks_with_the_same_bits() -> None:
    model, given = Watched(Space((), levels=3)), torch.arange(250) % 3
    x = model.sample(250, given, seed=1, start=7)
    with torch.no_grad():
        scores = model.log_prob(x, given, seed=1, start=7)
    assert model.seen == [84, 84, 82] * 2  # nearly alike
    model.seen, model.block = [], None  # type: ignore[assignment]
    assert x.equal(model.sample(250, given, seed=1, start=7))
    assert scores.equal(model.log_prob(x, given, seed=1, start=7))
    assert model.seen == [250] * 2
    part = Watched()
    assert Standardized(part).sample(250, seed=1).shape == (250, 2)
    assert part.seen == [84, 84, 82]


def test_rows_that_belong_together_are_not_parted() -> None:
    model = Watched()
    model.log_prob(torch.zeros(250, 2)).sum().backward()  # the graph holds all rows anyway
    model.sample(250, seed=1, scale=torch.ones(250, 1))  # perhaps one by row
    model.sample(64, seed=1)
    assert model.seen == [250, 250, 64]
