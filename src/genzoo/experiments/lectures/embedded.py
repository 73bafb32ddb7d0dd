"""A picture of what a text says, by way of vectors: from the text's to a picture's, and from that to a picture."""

import hashlib
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from genzoo.data import read
from genzoo.evaluation import shipped_judge
from genzoo.experiments.lectures.answers import HUES
from genzoo.experiments.lectures.chains import taught
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import wall
from genzoo.models.abilities import Matching

__all__ = ["by_way_of_vectors"]

TINTS = ("red", "green", "blue")
EACH = 10  # pictures of each of thirty captions
CODE, LEVELS = 16, 64


def by_way_of_vectors(s: Study) -> None:
    """unCLIP: a prior p(u | v) from the vector v of a text to that of a picture, u, and a decoder p(x | u). Both kinds
    of prior of the paper: an autoregressive one of rounded entries, and a diffusion."""
    x, label, hue = tinted_digits(s, "train")
    caption, flat = torch.stack([hue, 3 + label], 1), x.flatten(1)
    steps = (20, 20, 20) if s.quick else (1000, 2000, 4000)
    clip = taught(s, "clip", read((flat, caption), levels=17), settings={"code": CODE}, steps=steps[0], keep="best")
    match, before = clip.able(Matching), hashed(clip)
    asked = torch.cartesian_prod(torch.arange(3), torch.arange(3, 13))
    y, of_y, hue_of_y = tinted_digits(s, "test")
    with torch.no_grad():
        u, real = match.of_rows(flat), match.of_rows(y.flatten(1))
        v, every = (match.of_conditions(clip.checked_given(each, len(each))) for each in (caption, asked))
    text = every.repeat_interleave(EACH, 0)
    diffusion = taught(s, "edm", read((u, v)), settings={"net": "mlp"}, steps=steps[1])
    chain = taught(s, "made", read((rounded(u), v), levels=LEVELS), steps=steps[1], keep="best")
    decoder = taught(s, "edm", read((x, u), levels=17), settings={"net": "mlp", "width": 384}, steps=steps[2])
    s.equal("hash of CLIP's weights after the trainings of priors and decoder", hashed(clip), before)
    ways = {"autoregressive": (2 * chain.sample(len(text), text, seed=s.seed) + 1) / LEVELS - 1,
            "diffusion": diffusion.sample(len(text), text, seed=s.seed), "the text's own": text}  # fmt: skip
    made = {name: drawn(s, decoder, normalize(each, dim=1)) for name, each in ways.items()}
    right = {name: obeyed(each, asked.repeat_interleave(EACH, 0)) for name, each in made.items()}
    wanted = torch.stack([hue_of_y, 3 + of_y], 1)
    found = ((real @ every.T).argmax(1) == 10 * hue_of_y + of_y).double().mean().item()
    right["a real picture's"] = obeyed(drawn(s, decoder, real), wanted)
    s.least("CLIP: withheld pictures whose caption it finds among thirty", found, 0.0 if s.quick else 0.3)
    share = [right[name] / max(right["a real picture's"], 1e-9) for name in ("autoregressive", "diffusion")]
    s.least("pictures as asked by either prior, over those of a real picture's vector", share, 0.0 if s.quick else 0.8)
    right["real"] = obeyed(y, wanted)
    s.note("share as asked, by the vector decoded", [list(pair) for pair in right.items()])
    _, axis = s.figure(size=(6.4, 4.2), alt="Digits in red, green and blue asked for by captions, decoded from "
                       "vectors that two priors draw and from the text's own.")  # fmt: skip
    rows = [each[k : k + 10 * EACH : EACH] for each in made.values() for k in range(0, 30 * EACH, 10 * EACH)]
    lines = [line for name in made for line in (f"{name}: {right[name]:.0%}", "", "")]
    wall(axis, torch.cat(rows).double() / 16, 10, "zero to nine, in red, green and blue", lines)


def rounded(u: Tensor) -> Tensor:
    """Entries in [−1, 1] as levels."""
    return ((u + 1) / 2 * LEVELS).floor().clamp(0, LEVELS - 1).to(torch.uint8)


def tinted_digits(s: Study, part: str) -> tuple[Tensor, Tensor, Tensor]:
    """Digits in one of three colors, what they are, and which color."""
    x, label = getattr(read("digits", given="label"), part).head(1437 if part == "train" else 360)
    hue = s.noise("hue", part).integers(3, len(x))
    return (x * HUES[hue][:, :, None, None]).round().to(torch.uint8), label.long(), hue


def drawn(s: Study, decoder: Any, u: Tensor) -> Tensor:
    """A picture of each vector."""
    return decoder.sample(len(u), u, seed=s.seed, steps=12 if s.quick else 30)


def obeyed(x: Tensor, caption: Tensor) -> float:
    """The share of pictures of which a judge reads the digit, and whose color is nearest, as the caption has them."""
    digit = shipped_judge("digits").probabilities(x.amax(1, keepdim=True)).argmax(1)
    mean = normalize(x.double().mean((2, 3)), dim=1)
    hue = (mean @ normalize(HUES.double(), dim=1).T).argmax(1)
    return ((digit == caption[:, 1] - 3) & (hue == caption[:, 0])).double().mean().item()


def hashed(model: Any) -> str:
    """A hash of all weights."""
    parts = [value.contiguous().numpy().tobytes() for value in model.state_dict().values()]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]
