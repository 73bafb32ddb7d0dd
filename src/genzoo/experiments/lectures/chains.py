"""One entry after another: sentences, perceptrons of the last d values, pixels in an order, halves of pictures."""

import dataclasses
import math
import time
from typing import Any

import torch
from torch import Tensor

from genzoo.core import NOTHING, Given, Noise, Space
from genzoo.core.abilities import Sequential
from genzoo.data import Data, read
from genzoo.data.codecs.clips import ClipCodec
from genzoo.distributions.levels import unflattened
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import wall
from genzoo.models.autoregressive import PixelCNN
from genzoo.models.stepping import continued, entry_log_probs
from genzoo.training import TrainConfig, train
from genzoo.zoo import recipe_named

__all__ = ["half", "last_values", "order", "sentence"]


def taught(s: Study, recipe: str, data: Data, *, settings: dict[str, Any] | None = None, **how: Any) -> Any:
    """A trained model without a run's folder; in seconds without looks at withheld rows, too."""
    built = recipe_named(recipe)(data.space, data.given_space, **settings or {})
    how |= {"seed": s.seed} | ({"keep": "last", "ema": None} if s.quick else {})
    config = TrainConfig(**built.config.model_dump() | how)
    return train(built.model, data.train, config, valid=None if s.quick else data.valid).model


def sentence(s: Study) -> None:
    """Who can tell what comes next can write: ask for the probabilities of the next letter, draw one, put it behind
    the others, ask again. Nothing else is needed, and the probability of the whole is the product of those of the
    letters that were drawn, since p(x) = Π p(xₜ | x₁ … xₜ₋₁). Letters stand here where the slide has words: a small
    recurrent network learns them from some verse in seconds, and knows little more than spelling.

    Next: [autoregressive models](../families/autoregressive.md).
    """
    verse = read("verse", window=32)
    how: dict[str, Any] = {"steps": 150 if s.quick else 1200, "batch_size": 16, "lr": 1e-2, "settings": {"width": 96}}
    model = taught(s, "rnn", verse, **how)
    chain, noise, shown = model.able(Sequential), s.noise("letters"), 20
    prefix = verse.codec.ids("The king")
    state, said, steps = chain.begin(1), [], []
    with torch.no_grad():
        for t in range(32):
            log_p = chain.logits(state).double().log_softmax(-1)
            symbol = prefix[t : t + 1].long() if t < len(prefix) else noise.tick(t).categorical(log_p)
            steps.append((log_p[0], int(symbol)))
            said.append(symbol)
            state = chain.take(state, symbol) if t < 31 else state
    x = torch.stack(said, dim=1)
    drawn = [log_p[symbol].item() for log_p, symbol in steps]
    s.near("Σ log p of the letters is log_prob of the sentence", sum(drawn), model.log_prob(x).item(), within=1e-4)
    s.near(
        "probabilities of the next letter sum to one",
        [log_p.exp().sum() for log_p, _ in steps],
        [1.0] * 32,
        within=1e-9,
    )
    nats = -model.log_prob(verse.test.x).mean().item() / 32
    s.most("nats a letter of withheld verse, where equal odds cost log 61 = 4.11", nats, 2.6)
    s.note("the sentence", verse.codec.texts(x)[0])
    _, axis = s.figure(size=(6, 3.4), alt="A sentence letter by letter: above each letter that was drawn the five "
                       "likeliest ones, the darker the likelier.")  # fmt: skip
    for t, (log_p, symbol) in enumerate(steps[:shown]):
        top = log_p.topk(5)
        for rank, (p, other) in enumerate(zip(top.values.exp().tolist(), top.indices.tolist(), strict=True), 1):
            axis.fill_between([t - 0.45, t + 0.45], rank - 0.45, rank + 0.45, color="C0", alpha=0.08 + 0.8 * p, lw=0)
            axis.text(t, rank, letter(verse, other), ha="center", va="center", fontsize=12)
        axis.text(t, 0, letter(verse, symbol), ha="center", va="center", fontsize=14, color="C1")
    axis.set(xlim=(-0.6, shown - 0.4), ylim=(-0.6, 5.6), xticks=[], yticks=range(6))
    axis.set_yticklabels(["drawn", *(f"{rank}." for rank in range(1, 6))])
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)


def letter(verse: Data, symbol: int) -> str:
    """A letter that can be seen."""
    codec: Any = verse.codec
    text: str = codec.texts(torch.tensor([[symbol]]))[0]
    return {" ": "␣", "\n": "↵"}.get(text, text).replace("$", r"\$")


def last_values(s: Study) -> None:
    """The simplest network that says p(xₜ | what came before) forgets all but the last d values. With d = 2 a pixel
    knows its two neighbors to the left and nothing of the row above, eight pixels back in small digits: from there on
    bits fall. Numbers of the first layer grow with d and with nothing else. And for reals in place of levels the
    network says a mixture of Gaussians: a density that integrates to one. (A slide writes x ∈ {0, 255} where it means
    {0, …, 255}.)

    Next: [the last d, and a memory](../families/autoregressive.md).
    """
    digits, bits, numbers = read("digits"), {}, {}
    orders, width = ((1, 2, 8) if s.quick else (1, 2, 4, 8, 16, 32)), (32 if s.quick else 128)
    for d in orders:
        how: dict[str, Any] = {"steps": 60, "batch_size": 32} if s.quick else {"steps": 700}
        model = taught(s, "markov_mlp", digits, settings={"order": d, "width": width}, **how)
        bits[d] = digits.space.bits_per_dim(model.log_prob(digits.test.x).mean().item())
        numbers[d] = model.parameter_count
    growth = [(numbers[d] - numbers[1]) / (d - 1) for d in orders[1:]]
    s.most("numbers that one more value costs: largest less least", max(growth) - min(growth), 0)
    s.most("bits per pixel, d = 8 less d = 2", bits[8] - bits[2], -0.02 if s.quick else -0.1)
    s.most("the most bits, where equal odds cost log₂ 17", max(bits.values()), math.log2(17))
    s.note("numbers by d", [list(pair) for pair in numbers.items()])
    how = {"steps": 100, "settings": {"width": 32}} if s.quick else {"steps": 1500, "settings": {"width": 128}}
    model = taught(s, "markov_density", read("moons"), **how)
    side = torch.linspace(-3, 4, 281)
    places = torch.cartesian_prod(side, side)
    with torch.no_grad():
        p = model.log_prob(places).exp().reshape(281, 281)
    s.equal("what the density of reals is", model.likelihood.value, "exact")
    s.near("its integral over the plane", p.double().sum().item() * 0.025**2, 1.0, within=0.01)
    _, (left, right) = s.figure(1, 2, alt="Bits per pixel over d, with the count of parameters at each dot; and the "
                                "density of two moons that a mixture density network has learned.")  # fmt: skip
    left.plot(orders, list(bits.values()), "o-")
    for d in orders:
        left.annotate(f"{numbers[d] / 1000:.0f}k", (d, bits[d]), (0, 8), textcoords="offset points", fontsize=11)
    left.set(xscale="log", xticks=orders, xticklabels=orders, xlabel="d, values that are seen", title="bits per pixel")
    left.minorticks_off()
    left.margins(0.12)
    right.imshow(p.T.numpy(), origin="lower", extent=(-3, 4, -3, 4), interpolation="none")
    right.set(xlim=(-1.6, 2.6), ylim=(-1.2, 1.7), title="p(x) of reals", xticks=[], yticks=[])


class Forgetful(Sequential):
    """A PixelCNN of one channel that keeps nothing: for every pixel the whole network runs again."""

    def __init__(self, model: PixelCNN) -> None:
        self.model, self.space, self.symbols = model, model.space, model.space.levels or 0

    def begin(self, n: int, given: Given = NOTHING) -> tuple[Tensor, int]:
        return torch.zeros(n, *self.space.shape, dtype=torch.long), 0

    def logits(self, state: tuple[Tensor, int]) -> Tensor:
        x, t = state
        said = self.model.net(self.model.numbers(x)).flatten(2)[:, :, t]
        return self.model.head.logits(self.model.head.begin(said))

    def take(self, state: tuple[Tensor, int], symbol: Tensor) -> tuple[Tensor, int]:
        x, t = state
        x.view(len(x), -1)[:, t] = symbol
        return x, t + 1


def order(s: Study) -> None:
    """Pixels come in the order of reading, and within a pixel red before green before blue. What is said of a pixel
    may see all before it and nothing after: the gradient of what the network says of one pixel shows whom it sees,
    and changing an entry changes nothing that was said before it. Training asks all pixels at once, but a draw has to
    wait for the one before. A sampler that keeps what it has computed makes the same picture as one that computes the
    network anew for each pixel, sooner.

    Next: [PixelCNN](../families/autoregressive.md).
    """
    digits, side = read("digits", binarize="threshold"), 12 if s.quick else 28
    model = taught(s, "pixelcnn", digits, steps=60 if s.quick else 800, settings={"width": 16, "depth": 3})
    y, j = model.numbers(digits.test.x[:1]).requires_grad_(), 4 * 8 + 3
    (seen,) = torch.autograd.grad(model.net(y).flatten(2)[0, :, j].sum(), y)
    seen = seen[0, 0].abs()
    s.equal("gradient of what is said of a pixel in it and after it", seen.flatten()[j:].max(), 0.0)
    s.least("pixels before it that it sees", (seen.flatten()[:j] > 0).sum(), 20)
    colors = stirred(PixelCNN(Space((3, 4, 4), levels=8), width=8, depth=2), s.noise("weights"))
    x = s.noise("colors").integers(8, 48).reshape(1, 48)
    changed = torch.cat([x, x.expand(48, 48) + torch.eye(48, dtype=torch.long)]) % 8  # row e: entry e is another
    log_p = entry_log_probs(colors.steps(), unflattened(changed, colors.space)).detach()
    moved = (log_p[1:] - log_p[0]).abs() > 1e-5
    s.equal("what was said before an entry moves with it", bool(moved.tril(-1).any()), False)
    within = moved.unflatten(0, (16, 3)).unflatten(2, (16, 3))[torch.arange(16), :, torch.arange(16)]
    both = within.sum(0)[[0, 0, 1], [1, 2, 2]]
    s.equal("red moves green, red moves blue, green moves blue: of 16 pixels", both, [16] * 3)
    large = stirred(PixelCNN(Space((1, side, side), levels=2), width=16, depth=3), s.noise("large"))
    drawn, seconds = [], {}
    for name, chain in (("kept", large.steps()), ("anew", Forgetful(large))):
        start = time.process_time()
        with torch.no_grad():
            drawn.append(continued(chain, 2, NOTHING, noise=s.noise("draws")))
        seconds[name] = time.process_time() - start
    s.equal("pixels in which both samplers differ", (drawn[0] != drawn[1]).sum(), 0)
    s.least("seconds anew over seconds with what was kept", seconds["anew"] / seconds["kept"], 1.3)
    s.note(f"seconds for two pictures of {side} × {side}", [list(pair) for pair in seconds.items()])
    whole, line = model.sample(3, seed=s.seed), torch.arange(8)[:, None]
    film(s, whole)
    stages = [torch.where(line < lines, whole, 0) for lines in (2, 4, 6, 8)]
    _, (left, right) = s.figure(1, 2, size=(6, 2.9), alt="Three digits drawn pixel by pixel, after 2, 4, 6 and 8 "
                                "lines; and the pixels that one sees: above and left of it, none after.")  # fmt: skip
    wall(left, torch.stack(stages, 1).flatten(0, 1).float(), 4, "after 2, 4, 6, 8 lines")
    right.imshow(seen.numpy(), interpolation="none")
    right.plot(j % 8, j // 8, "s", color="C1", markersize=11)
    right.set(title="what one pixel sees", xticks=[], yticks=[])


def film(s: Study, whole: Tensor) -> None:
    """Digits as they are drawn, pixel by pixel, as an animation."""
    place = torch.arange(64).reshape(8, 8)
    frames = torch.stack([torch.where(place <= t, whole.float(), 0.4) for t in (*range(64), *[63] * 12)])
    beside = torch.nn.functional.pad(frames, (1, 1, 1, 1), value=0.4).permute(0, 2, 3, 1, 4).flatten(3)
    large = beside.repeat_interleave(12, 2).repeat_interleave(12, 3)
    s.folder.mkdir(parents=True, exist_ok=True)
    s.keep(ClipCodec(None, rate=10).save(large[None], s.folder / "film.gif"))


def stirred(model: PixelCNN, noise: Noise) -> PixelCNN:
    """The model with other weights, none of which is zero."""
    with torch.no_grad():
        for k, weight in enumerate(model.parameters()):
            weight += 0.2 * noise.at(k).normal(*(weight.shape or (1,))).reshape(weight.shape)
    return model.eval()


def half(s: Study) -> None:
    """A transformer of pixels needs no eyes: it reads a picture as text, and completes it as text. It is shown the
    upper half and draws the lower one, five times; what it was shown stays as it is. Any order makes a model, and the
    bits of all are exact, but not all orders are as easy: neighbors help, so reading along lines or columns beats an
    order that jumps. ImageGPT read pictures of a few thousand pixels with billions of weights; here are small digits.

    Next: [image GPT](../families/autoregressive.md).
    """
    digits = read("digits", binarize="threshold")
    lines = torch.arange(64)
    orders = {
        "lines": lines,
        "columns": lines.reshape(8, 8).T.flatten(),
        "at random": s.noise("order").permutation(64),
    }
    how: dict[str, Any] = {"steps": 28, "batch_size": 16, "optimizer": "adamw"} if s.quick else {"steps": 700}
    size, bits = ({"depth": 2, "width": 32} if s.quick else {"depth": 3, "width": 64}), dict.fromkeys(orders, 0.0)
    for name, at in orders.items():
        data = dataclasses.replace(digits, x=digits.x.flatten(1)[:, at].reshape(-1, 1, 8, 8), origin=None)
        model = taught(s, "gpt", data, settings=size, **how)
        bits[name] = digits.space.bits_per_dim(model.log_prob(data.test.x).mean().item())
        if name == "lines":
            upper, of_upper = digits.test.x[:5], model
    s.most("bits per pixel by any order, where equal odds cost 1", max(bits.values()), 0.95 if s.quick else 0.7)
    s.least("bits at random less bits by lines", bits["at random"] - bits["lines"], -0.02 if s.quick else 0.0)
    s.note("bits per pixel by order", [list(pair) for pair in bits.items()])
    shown = upper.flatten(1)[:, :32].long()
    drawn = [of_upper.sample(5, seed=s.seed + k, prefix=shown) for k in range(5)]
    s.equal("pixels of the upper halves that a completion changed",
            sum(int((x.flatten(1)[:, :32] != shown).sum()) for x in drawn), 0)  # fmt: skip
    s.least(
        "different lower halves of each, of five", [len({x[i].numpy().tobytes() for x in drawn}) for i in range(5)], 2
    )
    half = torch.where(lines.reshape(1, 8, 8) < 32, upper.float(), 0.5)
    _, (left, right) = s.figure(1, 2, size=(6, 3.4), width_ratios=[1.8, 1], alt="Upper halves of five digits, five "
                                "completions of each, and the truth; bits per pixel by three orders.")  # fmt: skip
    wall(
        left,
        torch.stack([half, *(x.float() for x in drawn), upper.float()], 1).flatten(0, 1),
        7,
        "half, five drawn, truth",
    )
    right.plot(range(3), list(bits.values()), "o", markersize=10)
    right.set(xticks=range(3), title="bits per pixel", xlim=(-0.5, 2.5))
    right.set_xticklabels([name.replace(" ", "\n") for name in bits])
