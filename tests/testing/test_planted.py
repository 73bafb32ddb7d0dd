"""Real models with one bug each, of the kinds that a training hides: each is caught by a promise that names it."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import genzoo
from genzoo.core import GenerativeModel, Given, Noise, Space
from genzoo.distributions import levels
from genzoo.models import Dequantized
from genzoo.models.autoencoders import VAE
from genzoo.models.autoregressive import MADE, gpt, pixelcnn
from genzoo.models.classical import KernelDensity
from genzoo.models.diffusion import DDIM
from genzoo.models.flows import Flow, logit
from genzoo.models.sequences import scored
from genzoo.nn import transformer
from genzoo.testing import Finding, examine
from genzoo.testing import rows as suitable
from genzoo.testing.density import refitted
from genzoo.training.state import State
from genzoo.zoo.checking import Checking
from tests.zoo.autoencoders import vae
from tests.zoo.autoregressive import gpt as tiny_gpt
from tests.zoo.autoregressive import made
from tests.zoo.autoregressive import pixelcnn as tiny_pixelcnn
from tests.zoo.diffusion import diffusion
from tests.zoo.entry import BYTES, LABEL, REALS, TINY, WORDS, batch
from tests.zoo.flows import flow

Patch = pytest.MonkeyPatch
LEVELS, PAGE = Space((2,), levels=8), Path(__file__).parents[2] / "docs" / "testing.md"


def wrong_sign_of_a_log_det(patch: Patch) -> GenerativeModel:
    def log_density(self: Flow, x: Tensor, given: Given, noise: Noise) -> Tensor:
        z, ladj = self.bijection(x, self.embedded(given))
        return self.base.log_prob(z, self.embedded(given)) - ladj

    patch.setattr(Flow, "log_density", log_density)
    return flow(REALS)


def forgotten_logit_term(patch: Patch) -> GenerativeModel:
    forward = logit.Logit.forward
    patch.setattr(logit.Logit, "forward", lambda self, x, given=None: (forward(self, x)[0], x.new_zeros(len(x))))
    return Dequantized(flow(Space(LEVELS.shape), high=8), 8)


def forgotten_dequantization(patch: Patch) -> GenerativeModel:
    patch.setattr(Dequantized, "_filled", lambda self, x, noise: (x.to(self.dtype), None))
    model = Dequantized(KernelDensity(Space(LEVELS.shape), bandwidth="likelihood"), 8)
    return refitted(model, suitable(LEVELS, 64), {}, passes=2)


def dropout_in_log_prob(patch: Patch) -> GenerativeModel:
    patch.setattr(nn.Dropout, "forward", lambda self, h: functional.dropout(h, self.p, training=True))
    return tiny_gpt(TINY, dropout=0.3)


def leaking_causal_mask(patch: Patch) -> GenerativeModel:
    def scores(q: Tensor, k: Tensor, absent: Tensor | None) -> Tensor:
        t, s = q.shape[2], k.shape[2]
        seen = torch.ones(t, s, dtype=torch.bool).tril(s - t + 1)  # one place too many
        return (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~seen, -torch.inf)

    patch.setattr(transformer, "_scores", scores)
    return tiny_gpt(TINY)


def mean_for_sum(patch: Patch) -> GenerativeModel:
    told = MADE.log_density
    patch.setattr(MADE, "log_density", lambda self, *asked: told(self, *asked) / self.space.dims)
    return made(TINY)


def ignored_given(patch: Patch) -> GenerativeModel:
    embedded = Flow.embedded
    patch.setattr(Flow, "embedded", lambda self, given: embedded(self, {k: 0 * v for k, v in given.items()}))
    return flow(REALS, LABEL)


def noise_from_the_global_generator(patch: Patch) -> GenerativeModel:
    draw = VAE.draw

    def from_anywhere(self: VAE, n: int, given: Given, source: Noise, /, *, noise: bool = True) -> Tensor:
        return draw(self, n, given, Noise(int(torch.randint(1 << 30, ()))), noise=noise)

    patch.setattr(VAE, "draw", from_anywhere)
    return vae(BYTES)


def bytes_scaled_twice(patch: Patch) -> GenerativeModel:
    centered = levels.centered
    patch.setattr(pixelcnn, "centered", lambda x, count, dtype=None: centered(x, count, dtype) / 255)
    return tiny_pixelcnn(BYTES)


def off_by_one_in_a_schedule(patch: Patch) -> GenerativeModel:
    class Late(DDIM):
        """Tells the time to which a step leads, not that from which it comes."""

        def along(self, times: Tensor, denoise: Callable[[Tensor, Tensor], Tensor], *rest: object) -> Tensor:
            last = len(times) - 2
            after = {t: times[min(k + 1, last)] for k, t in enumerate(times.tolist())}
            return super().along(times, lambda x, t: denoise(x, after[t.item()]), *rest)

    return diffusion(REALS, sampler=Late(25))


def a_sampler_one_step_short(patch: Patch) -> GenerativeModel:
    class Short(DDIM):
        def times(self, schedule: object) -> Tensor:
            return super().times(schedule)[:-1]

    return diffusion(REALS, sampler=Short(25))


def padding_counted(patch: Patch) -> GenerativeModel:
    def everywhere(logits: Tensor, tokens: Tensor, space: Space) -> Tensor:
        return scored(logits, tokens, Space(space.shape, space.levels + 1))

    patch.setattr(gpt, "scored", everywhere)
    return tiny_gpt(WORDS)


CAUGHT: dict[Callable[[Patch], GenerativeModel], str] = {
    wrong_sign_of_a_log_det: "log prob counts how the latent is stretched",
    forgotten_logit_term: "bounds of masses lie below them",
    forgotten_dequantization: "bounds of masses lie below them",
    dropout_in_log_prob: "log prob is one number a row whatever stands beside it",
    leaking_causal_mask: "log prob is the sum of its steps",
    mean_for_sum: "masses sum to one",
    ignored_given: "every condition is used",
    noise_from_the_global_generator: "a row depends on seed and number alone",
    bytes_scaled_twice: "a network sees levels spread out",
    off_by_one_in_a_schedule: "a sampler tells the time and ends at the data",
    a_sampler_one_step_short: "a sampler tells the time and ends at the data",
    padding_counted: "log prob is the sum of its steps",
}
AVERAGE = "the weights are the average that was asked for"


def broken(found: list[Finding]) -> set[str]:
    return {finding.promise for finding in found if finding.broken}


@pytest.mark.parametrize("bug", CAUGHT, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_caught_by_the_promise_that_it_breaks(bug: Callable[[Patch], GenerativeModel]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        model = bug(patch)
        model.prepare([batch(model, 64)])
        found = examine(model.eval(), "contract", "use", "density")
    assert CAUGHT[bug] in broken(found)


def test_weights_that_are_not_the_average_are_caught(tmp_path: Path) -> None:
    x = suitable(Space((6,), levels=2), 100)
    for name in ("right", "wrong"):
        with pytest.MonkeyPatch.context() as patch:
            if name == "wrong":
                patch.setattr(State, "weights", property(lambda state: state.model))
            run = genzoo.train("made", x, out=tmp_path / name, steps=20, ema=0.3, device="cpu", keep="last")
        assert broken(list(Checking.of(run).findings())) == ({AVERAGE} if name == "wrong" else set())


def test_the_page_says_what_catches_which_bug() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = {bug.__name__: promise for bug, promise in CAUGHT.items()} | {"average_not_used": AVERAGE}
    assert not [
        row for bug, promise in rows.items() if (row := f"| {bug.replace('_', ' ')} | {promise} |") not in page
    ]
