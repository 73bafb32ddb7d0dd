"""Small real sets of every kind as a stranger has them, files in a folder, and which recipe fits which."""

import csv
import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from genzoo.data import read
from genzoo.zoo.recipe import RecipeInfo

__all__ = ["SETS", "Set", "fitting"]

ROWS, FEW = 4000, 8


class Set(NamedTuple):
    """A set of data by the words that name it on the command line.

    Attributes:
        words: What follows `--data`; files of the set begin with an @, which stands for its folder.
        write: Writes the set's files into a folder, and into `few` in it some to be compressed.
        given: The words for a condition of all files that are compressed.
        eye: Whether the judge of clothes knows its pictures.
    """

    words: str
    write: Callable[[Path], None]
    given: str = ""
    eye: bool = False


def _clothes(folder: Path) -> None:
    data = read("fashion-mnist", given="label")
    x, label = data.train.gather(torch.arange(ROWS))
    np.savez(folder / "clothes.npz", images=x[:, 0].numpy(), label=label.numpy())
    np.savez(folder / "bits.npz", images=x[:, 0].numpy() > 127)
    small = x[:, 0].float().unfold(1, 7, 7).unfold(2, 7, 7).mean((-1, -2)) > 127
    np.savez(folder / "few-bits.npz", images=small.numpy())
    _pictures(folder, x[:FEW, 0].numpy())


def _digits(folder: Path) -> None:
    _pictures(folder, read("digits").test.x[:FEW, 0].numpy() * 16)


def _bits(folder: Path) -> None:
    _clothes(folder)
    _pictures(folder, np.load(folder / "bits.npz")["images"][:FEW].astype(np.uint8) * 255)


def _pictures(folder: Path, pictures: np.ndarray) -> None:
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / "few" / f"{i}.png")


def _adult(folder: Path) -> None:
    with gzip.open(_root() / "uci-adult" / "adult-train.csv.gz", "rt") as file:
        lines = [line for line in file if "?" not in line][:ROWS]
    (folder / "people.csv").write_text("".join(lines))
    (folder / "few" / "people.csv").write_text("".join(lines[:50]))


def _telescope(folder: Path) -> None:
    rows = np.load(_root() / "magic-gamma" / "22_magic.gamma.npz")
    rows = rows["X"][np.random.default_rng(0).permutation(len(rows["X"]))[:ROWS]]
    for path, part in ((folder / "showers.csv", rows), (folder / "few" / "showers.csv", rows[:50])):
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([[f"x{i}" for i in range(part.shape[1])], *part.tolist()])


def _play(folder: Path) -> None:
    text = (_root() / "tinyshakespeare" / "input.txt").read_text()
    (folder / "play.txt").write_text(text[:200_000])
    (folder / "few" / "play.txt").write_text(text[:200])


def _names(folder: Path) -> None:
    names = (_root() / "names" / "names.txt").read_text().splitlines()
    (folder / "names.txt").write_text("\n".join(names[:ROWS]) + "\n")
    (folder / "few" / "names.txt").write_text("\n".join(names[:20]) + "\n")


def _sounds(folder: Path) -> None:
    (folder / "sounds").mkdir()
    for path in sorted((_root() / "fsdd" / "recordings").glob("*_jackson_*.wav")):
        shutil.copy(path, folder / "sounds")
    for path in sorted((folder / "sounds").glob("*.wav"))[:2]:
        shutil.copy(path, folder / "few")


def _facades(folder: Path) -> None:
    for path in sorted((_root() / "facades" / "test" / "photo").iterdir())[:4]:
        shutil.copy(path, folder / "few")


def _root() -> Path:
    return Path(os.environ["GENZOO_DATA"])


SETS = {
    "clothes": Set("@/clothes.npz --x images --given label", _clothes, "label=0", eye=True),
    "clothes alone": Set("@/clothes.npz --x images", _clothes, eye=True),
    "clothes of bits": Set("@/bits.npz --x images", _bits),
    "clothes of few bits": Set("@/few-bits.npz --x images", _clothes),
    "labels of clothes": Set("@/clothes.npz --x label --given images", _clothes),
    "digits": Set("digits --given label", _digits, "label=0"),
    "table": Set("@/people.csv", _adult),
    "numbers": Set("@/showers.csv", _telescope),
    "play": Set("@/play.txt --read window=64", _play),
    "names": Set("@/names.txt", _names),
    "sounds": Set("@/sounds --read rate=4000 --read length=1000 --read encoding=mulaw", _sounds),
    "facades": Set("facades --x photo --given label --size 32", _facades),
}
KINDS = {  # recipes that are no matter of their family alone
    "clothes": "conditional_gan biggan cvae made pixelcnn nade softmax_chain tarflow glow idf kde realnvp",
    "clothes alone": "wgan maskgit",
    "clothes of bits": "rbm ising potts d3pm softmax_chain nade",
    "clothes of few bits": "boltzmann bayes_net",
    "labels of clothes": "softmax_regression noisy_classifier",
    "table": "tab_ar circuit mixture_table gaussian_copula tab_ddpm tab_diff histogram",
    "play": "gpt markov_mlp bigram masked_diffusion block_diffusion discrete_flow hmm",
    "names": "rnn",
    "sounds": "wavenet markov_density",
    "facades": "pix2pix cyclegan bridge schrodinger_bridge",
    "numbers": "energy",
}
OF_FAMILY = {
    "classical": "numbers",
    "flows": "numbers",
    "representation": "digits",
}


def fitting(info: RecipeInfo) -> str:
    """The kind of set that a recipe is meant for.

    Args:
        info: The recipe.
    """
    told = [kind for kind, names in KINDS.items() if info.name in names.split()]
    return told[0] if told else OF_FAMILY.get(info.family, "clothes")
