"""Models with one fault each: what is wrong with them is found, and told."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from genzoo.core import Batch, GenerativeModel, Given, Likelihood, Noise, Player, Space
from genzoo.models import Standardized
from genzoo.models.classical import Gaussian
from genzoo.testing import Failed, Finding, Subject, check, examine, promises
from genzoo.testing.examination import asked

REALS, LEVELS = Space((2,)), Space((3,), levels=3)


class Honest(GenerativeModel):
    """N(m, 1) whose mean is learned: nothing is wrong with it."""

    likelihood = Likelihood.EXACT

    def __init__(self, space: Space = REALS) -> None:
        super().__init__(space)
        self.m = nn.Parameter(torch.zeros(space.dims))

    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        return self.m.detach() + noise.normal(n, *self.space.shape)

    def log_density(self, x: Tensor, given: Given, noise: Noise) -> Tensor:
        return torch.distributions.Normal(self.m, 1.0).log_prob(x).sum(1)


class Wide(Honest):
    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        return self.m.detach() + 1.1 * noise.normal(n, *self.space.shape)


class Unnormalized(Honest):
    def log_density(self, x: Tensor, given: Given, noise: Noise) -> Tensor:
        return super().log_density(x, given, noise) + 0.1


class Global(Honest):
    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        return super().draw(n, given, noise) + 0 * torch.randn(n, 2)


class Together(Honest):
    """Its rows see each other."""

    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        x = super().draw(n, given, noise)
        return x - x.mean(0) if n else x


class Counting(Honest):
    """Sampling moves a buffer, as a normalization that is left in training does."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("drawn", torch.zeros(()))

    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        self.drawn += n
        return super().draw(n, given, noise)


class Flagged(Honest):
    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        self.train()
        return super().draw(n, given, noise)

    def sample(self, *arguments: object, **options: object) -> Tensor:
        x = super().sample(*arguments, **options)
        self.eval()
        return x


class Idle(Honest):
    """A parameter that nothing uses."""

    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Parameter(torch.zeros(2))


class Forgetful(Honest):
    """What its training is like depends on a number that no checkpoint keeps."""

    calls = 0

    def players(self) -> list[Player]:
        def after(instant: object) -> None:
            self.calls += 1
            with torch.no_grad():
                self.m.mul_(1 - 0.01 * self.calls)

        return [Player("model", self, self.loss, after=after)]


class Rising(Honest):
    def players(self) -> list[Player]:
        def after(instant: object) -> None:
            with torch.no_grad():
                self.m.add_(1.0)

        return [Player("model", self, self.loss, after=after)]


class Mute(Honest):
    """It takes rows of any kind."""

    def checked(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), -1)[:, :2].float()


class Fixed(Honest):
    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        return Noise(0).normal(n + noise.start, 2)[noise.start :]


class Neighborly(Honest):
    """Its codes are centered over the rows at hand."""

    def encode(self, x: Tensor, given: object = None) -> Tensor:
        return x - x.mean(0)


class Lopsided(GenerativeModel):
    """Levels whose masses are not those of its samples."""

    likelihood = Likelihood.EXACT

    def __init__(self) -> None:
        super().__init__(LEVELS)
        self.logits = nn.Parameter(torch.tensor([0.0, 0.5, 1.0]))

    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        return noise.integers(3, n, 3).to(torch.uint8)

    def log_density(self, x: Tensor, given: Given, noise: Noise) -> Tensor:
        return self.logits.log_softmax(0)[x.long()].sum(1)


FAULTS = {
    "samples have the moments": Wide,
    "the density integrates to": Unnormalized,
    "draws from global randomness": Global,
    "13 rows at once": Together,
    "it changes drawn": Counting,
    "it changes .training": Flagged,
    "no loss reaches spare": Idle,
    "do not move spare": Idle,
    "a training that was stopped": Forgetful,
    "the loss of model is": Rising,
    "rows of another shape: is not refused": Mute,
    "two seeds give the same rows": Fixed,
    "encode: rows 1 and 2 of four": Neighborly,
    "samples follow the masses": Lopsided,
}


@pytest.mark.parametrize("said", FAULTS)
def test_a_fault_is_found_and_told(said: str) -> None:
    with pytest.raises(Failed) as caught:
        check(FAULTS[said]())
    assert said in str(caught.value)
    assert caught.value.findings


@pytest.mark.parametrize("make", [Honest, lambda: Gaussian(REALS), lambda: Standardized(Honest())])
def test_an_honest_model_passes(make: Callable[[], GenerativeModel]) -> None:
    findings = check(make())
    assert {finding.kind for finding in findings} == {"contract", "use", "density", "training"}
    assert not any(finding.broken for finding in findings)


def test_a_model_that_does_not_take_its_unit_from_the_data_is_told() -> None:
    found = examine(Subject(Honest(), *_rows(), unit=True), "density")
    assert [str(finding) for finding in found if "unit" in finding.promise and "is off by" in finding.broken]
    raw = Subject(Standardized(Honest()), *_rows(), unit=True)
    assert not any(finding.broken for finding in examine(raw, "density"))


def _rows() -> tuple[Tensor, Given]:
    found = Subject.of(Honest())
    return found.x, found.given


def test_what_cannot_be_asked_is_not_asked() -> None:
    class Silent(GenerativeModel):
        def __init__(self) -> None:
            super().__init__(REALS)
            self.m = nn.Parameter(torch.zeros(2))

        def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
            return self.m.detach() + noise.normal(n, 2)

        def loss(self, batch: Batch) -> Tensor:
            return (batch.x - self.m).square().mean()

    asked = {finding.promise for finding in check(Silent())}
    assert "log prob is one number a row whatever stands beside it" not in asked
    assert "a row depends on seed and number alone" in asked
    assert asked < {promise.name for promise in promises()}


def test_an_error_is_a_promise_broken() -> None:
    class Raising(Honest):
        def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
            raise KeyError("nothing here")

    found = examine(Raising(), "contract")
    assert Finding("samples are rows of the space", "contract", "raised KeyError: 'nothing here'") in found


def test_time_that_is_up_ends_a_promise_in_its_middle() -> None:
    class Endless(Honest):
        def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
            while True:
                self.m.detach() + 1

    found = list(asked(Subject.of(Endless()), "contract", "density", seconds=0.2))
    assert sum(each.seconds for each in found) < 5
    assert {each.left_out for each in found} == {"0.2 seconds were over"}
    assert not [each for each in examine(Honest(), "contract") if each.left_out]


def test_the_cheap_are_asked_first() -> None:
    kinds = [promise.kind for promise in promises()]
    assert kinds == sorted(kinds, key=["contract", "use", "density", "training"].index)
