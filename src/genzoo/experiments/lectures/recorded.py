"""Items that an hour of training stands behind: drawn from the records of their experiments."""

import torch

from genzoo.data import toy
from genzoo.experiments.lectures.records import record
from genzoo.experiments.lectures.study import Study

__all__ = ["mode_collapse", "translation"]

FIELD = ("gan", "ali", "unrolled_gan", "veegan", "pacgan", "wgan_gp", "r3gan")


def mode_collapse(s: Study) -> None:
    """A generator that pleases its critic may forget most of the data. On eight Gaussians in a ring and on 25 in a
    grid it is plain to see: a mode counts if a sample of high quality, within three deviations, falls on it. A core
    minute each, the same networks; longer trainings, and other seeds, in the record. A perfect sampler has 98.9 % of
    high quality: more than that is collapse within the modes.

    Next: [which modes are lost](../families/adversarial.md), and `python -m experiments.modes` trains them again.
    """
    found = {name: each for name, each in record("modes", train=s.train).items() if ":" not in name}
    of = {"ring": 8, "grid": 25}
    for data, most in of.items():
        s.most(f"modes found on the {data}", [found[f"{name} on {data}"]["modes"] for name in FIELD], most)
    quality = {name: [found[f"{name} on {data}"]["high_quality"][0] for data in of] for name in FIELD}
    s.least("r3gan's lead in high quality, ring and grid",
            [quality["r3gan"][k] - quality["gan"][k] for k in range(2)], 0.0)  # fmt: skip
    s.equal("modes of the ring that r3gan finds", found["r3gan on ring"]["modes"], 8)
    s.note("high quality on ring and grid", [[name, *quality[name]] for name in FIELD])
    shown = ("gan", "ali", "veegan", "wgan_gp", "r3gan")
    _, axes = s.figure(2, 3, size=(6.2, 4.6), alt="Data on a grid of 25 Gaussians, and samples of five models after a "
                       "minute each: most smear between modes or leave some out.")  # fmt: skip
    truth = toy.density("grid").draw(400, s.noise("grid"))
    for axis, name in zip(axes.flat, ("data", *shown), strict=True):
        points = truth if name == "data" else torch.tensor(found[f"{name} on grid"]["shown"])
        axis.scatter(*points.T, s=3, color="C0" if name == "data" else "C1", rasterized=True)
        axis.set(title=name, xlim=(-5.5, 5.5), ylim=(-5.5, 5.5), xticks=[], yticks=[], aspect="equal")


def translation(s: Study) -> None:
    """A picture of a picture: `pix2pix` learns it from pairs, by a critic of patches and the L1 distance to the truth
    (`cyclegan`, which goes there and back without pairs, has no record yet). A minute of one core, judged on withheld
    pairs: how far the translation is from the truth, beside leaving the input as it is and beside the mean picture.
    The mean is the strongest of the simple answers, and so short a training does not always beat it.

    Next: [images of images](../families/adversarial.md), and `python -m experiments.translation`.
    """
    found = record("translation", train=s.train)
    ways = ("made", "as it is", "mean image")
    for data, each in found.items():
        far = each["distance"]
        s.most(f"{data}: distance made, over the input's as it is", far["made"] / far["as it is"], 1.0)
        s.least(f"{data}: withheld pairs", each["pairs"], 100)
        s.note(f"{data}: share matched to its own truth", [each["matched"], each["matched_as_it_is"]])
    _, axes = s.figure(alt="L1 distance to the truth on withheld pairs, facades and emoji: of the translation, of the "
                       "input as it is, and of the mean picture.")  # fmt: skip
    for k, way in enumerate(ways):
        places = [place + 0.27 * (k - 1) for place in range(len(found))]
        axes.bar(places, [each["distance"][way] for each in found.values()], width=0.25, label=way)
    axes.set(xticks=range(len(found)), xticklabels=list(found), ylabel="L1 distance")
    axes.legend()
