"""Items that an hour of training stands behind: drawn from the records of their experiments."""

import base64
import re
import zlib
from typing import Any

import torch
from scipy import stats
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from genzoo.data import toy
from genzoo.data.codecs.audio import SoundCodec, expanded
from genzoo.experiments.lectures.records import record
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import wall
from genzoo.experiments.linked_zoo import unpacked
from genzoo.nn.spectrum import LogMel
from genzoo.zoo import recipe_named

__all__ = ["linked", "mode_collapse", "progress", "translation", "voices"]

HEARD = 0.7  # the least share of sounds

FIELD = ("gan", "ali", "unrolled_gan", "veegan", "pacgan", "wgan_gp", "r3gan")


def mode_collapse(s: Study) -> None:
    """A generator that pleases its critic may forget most of the data. On eight Gaussians in a ring and on 25 in a
    grid it is plain to see: a mode counts if a sample of high quality, within three deviations, falls on it. A core
    minute each, the same networks; longer trainings, and other seeds, in the record. A perfect sampler has 98.9 % of
    high quality: more than that is collapse within the modes.

    Next: [which modes are lost](../families/adversarial.md), and `python -m experiments.modes` trains them again.
    """
    told = record("modes", s.again)
    found = {name: each for name, each in told.items() if ":" not in name}
    of = {"ring": 8, "grid": 25}
    for data, most in of.items():
        s.most(f"modes found on the {data}", [found[f"{name} on {data}"]["modes"] for name in FIELD], most)
    quality = {name: [found[f"{name} on {data}"]["high_quality"][0] for data in of] for name in FIELD}
    s.least("r3gan's lead in high quality, ring and grid",
            [quality["r3gan"][k] - quality["gan"][k] for k in range(2)], 0.0)  # fmt: skip
    s.equal("modes of the ring that r3gan finds", found["r3gan on ring"]["modes"], 8)
    longer = {"ring": told["r3gan:2 on ring"], "grid": told["r3gan:3 on grid"]}
    s.equal("modes that it finds in two and three minutes", [each["modes"] for each in longer.values()], [8, 25])
    s.least("and high quality then", [each["high_quality"][0] for each in longer.values()], 0.95)
    seeds = [told[f"r3gan:2 on ring{name}"]["high_quality"][0] for name in ("", ", seed 1")]
    s.near("high quality on the ring under two seeds", seeds[0], seeds[1], within=0.02)
    s.note("high quality on ring and grid", [[name, *quality[name]] for name in FIELD])
    shown = ("data", "gan", "ali", "unrolled_gan", "veegan", "wgan_gp", "r3gan", "r3gan, longer")
    _, axes = s.figure(4, 4, size=(6.4, 7.4), alt="Eight Gaussians on a ring and 25 on a grid, and samples of six "
                       "models after a minute each: most smear between modes or leave some out; one that had more "
                       "minutes finds all. Above each the modes found and the share of high quality.")  # fmt: skip
    for place, (name, data) in enumerate((name, data) for k in (0, 4) for data in of for name in shown[k : k + 4]):
        axis, each = axes.flat[place], longer[data] if "," in name else found.get(f"{name} on {data}")
        points = torch.tensor(each["shown"]) if each else toy.density(data).draw(400, s.noise(data))
        axis.scatter(*points.T, s=2, color="C1" if each else "C0", rasterized=True)
        side = 2.6 if data == "ring" else 5.5
        axis.set(xlim=(-side, side), ylim=(-side, side), xticks=[], yticks=[], aspect="equal")
        counted = f"\n{each['modes']} modes, {each['high_quality'][0]:.0%}" if each else f"\n{of[data]} modes"
        axis.set_title(name.replace("_gan", "").replace("_", " ") + counted, fontsize=10)


def translation(s: Study) -> None:
    """A picture of a picture: `pix2pix` learns it from pairs, by a critic of patches and the L1 distance to the truth;
    `cyclegan` from the same pictures as two sets, by two critics and by what is left of a picture y that goes there
    and back, F(G(y)). A minute of one core each, both judged on withheld pairs: how far the translation is from the
    truth, beside leaving the input as it is and beside the mean picture; and how far all are from real pictures, by
    the Fréchet distance in the features of a judge, of which so few real ones are not free either. The mean is the
    strongest of the simple answers in L1, and so short a training does not always beat it. Whoever never saw a pair is
    further off, but nearer to real pictures as a set; and the other artist's emoji as they are stay nearer still.

    Next: [images of images](../families/adversarial.md), and `python -m experiments.translation`.
    """
    found = record("translation", s.again)
    ways = {"of pairs": "made", "as it is": "as it is", "mean image": "mean image"}
    bars: dict[str, list[float]] = {name: [] for name in ("of pairs", "without pairs", "as it is", "mean image")}
    for data, each in found.items():
        far, alone = each["distance"], each["unpaired"]
        s.most(f"{data}: distance made, over the input's as it is", far["made"] / far["as it is"], 1.0)
        s.least(f"{data}: withheld pairs", each["pairs"], 100)
        s.most(f"{data}: there and back without pairs, over the distance of both kinds",
               alone["there and back"] / far["as it is"], 1.0)  # fmt: skip
        s.least(f"{data}: distance without pairs less that of pairs", alone["distance"]["made"] - far["made"], 0.0)
        shares = [each["matched"], alone["matched"], each["matched_as_it_is"]]
        s.note(f"{data}: share matched to its own truth, of pairs, without, as it is", shares)
        off = {"of pairs": each["frechet"]["made"], "without pairs": alone["frechet"]["made"]}
        off |= {name: each["frechet"][name] for name in ("as it is", "real ones")}
        if data == "facades":  # plans are no photographs; emoji of another artist are emoji
            worst = max(off["of pairs"][0], off["without pairs"][0])
            s.most("facades: Fréchet distance made, the worse, over that of plans", worst / off["as it is"][0], 1.0)
        s.note(f"{data}: Fréchet distance, and a standard error", [[name, *two] for name, two in off.items()])
        for name, way in ways.items():
            bars[name].append(far[way])
        bars["without pairs"].append(alone["distance"]["made"])
    rows_of(s, found)
    _, axes = s.figure(alt="L1 distance to the truth on withheld pairs, facades and emoji: of translations learned of "
                       "pairs and without, of the input as it is, and of the mean picture.")  # fmt: skip
    for k, (name, heights) in enumerate(bars.items()):
        axes.bar([place + 0.2 * (k - 1.5) for place in range(len(found))], heights, width=0.18, label=name)
    axes.set(xticks=range(len(found)), xticklabels=list(found), ylabel="L1 distance")
    axes.legend(fontsize=11)


def rows_of(s: Study, found: dict[str, Any]) -> None:
    """The first withheld pairs: given, made, truth, and there and back."""
    _, axes = s.figure(2, 1, size=(6.4, 8.6), alt="Withheld facades and emoji in five lines: what was given, what is "
                       "made of it after training on pairs and without, the truth, and there and back.")  # fmt: skip
    for axis, (data, each) in zip(axes, found.items(), strict=True):
        pairs, alone = each["shown"], each["unpaired"]["shown"]
        lines = {"given": pairs["given"], "of pairs": pairs["made"], "without": alone["made"],
                 "truth": pairs["truth"], "F(G(y))": alone["there and back"]}  # fmt: skip
        wall(axis, torch.cat([unpacked(some)[:6] for some in lines.values()]), 6, data, lines=list(lines))


def progress(s: Study) -> None:
    """Ten models on the same clothes with the same five core minutes each, by the year in which they were published,
    on one axis: the Fréchet distance of their samples in the features of a judge, with 95 % intervals, above that of
    real rows from others. With minutes for hours, the year does not decide. Adversarial ones are early at what a
    distance of features rewards, and diffusions pass the older likelihoods; ten minutes take `dcgan` and `r3gan`
    further (on the right, of more samples, so that both axes stand apart).

    Where a round costs little, minutes are many rounds: the second figure and the wall below it are of digits of 8 × 8
    by class, and of the seven of which the slide's faces and their successors were made, `gan`, `dcgan`, `wgan_gp`,
    `progan`, `stylegan`, `ddpm` and `flow_matching`, the same part of a core minute each.

    Next: [Results](../results.md), and `python -m experiments.clothes` trains those on the right again,
    `python -m experiments.progress` the seven.
    """
    found, longer = record("fashion-mnist", s.again), record("clothes")
    minutes = [entry["core_minutes"] for entry in found["entries"]]
    s.near("core minutes of each", minutes, [5.0] * len(minutes), within=1.75)
    each = {entry["recipe"]: {m["name"]: m for m in entry["measurements"]}["Fréchet"] for entry in found["entries"]}
    same = {(one["data"], one["protocol"]["extractor"]) for one in each.values()}
    s.equal("sets of rows and features that they are measured on", len(same), 1)
    lead = min(one["interval"][0] - one["floor"] for one in each.values())
    s.least("distance of the best, less what real rows have", lead, 0.0)
    s.least("what flow matching gains on the autoencoder", each["vae"]["value"] - each["flow_matching"]["value"], 1.0)
    rank = stats.spearmanr([year(name) for name in each], [one["value"] for one in each.values()]).statistic
    s.most("rank correlation of year and distance, its size", abs(rank), 0.9)
    _, axes = s.figure(
        1, 2, size=(6.4, 4.2), width_ratios=[1.5, 1], alt="Fréchet distances of ten models with intervals, by year, "
        "after five minutes; and of three adversarial ones after ten."
    )  # fmt: skip
    shown = (
        {name: (one["value"], one["error"]) for name, one in each.items()},
        {name: longer[name]["frechet"] for name in ("dcgan", "stylegan", "r3gan")},
    )
    for axis, color, some, title in zip(axes, ("C0", "C1"), shown, ("5 minutes", "10 minutes"), strict=True):
        names = sorted(some, key=year)
        for place, name in enumerate(names):
            value, error = some[name]
            axis.errorbar(value, place, xerr=1.96 * error, fmt="o", capsize=3, color=color)
        axis.set(yticks=range(len(names)), yticklabels=[f"{name.replace('_', ' ')} {year(name)}" for name in names])
        axis.set(xlabel="Fréchet distance", xlim=(0, None), title=title)
        axis.tick_params(labelsize=10)
    seven(s)


def seven(s: Study) -> None:
    """The same seven on digits, on one axis by year, and a wall of what they draw."""
    found = record("progress", s.again)
    told = {entry["recipe"]: {m["name"]: m for m in entry["measurements"]} for entry in found["entries"]}
    names = sorted(told, key=year)
    s.equal("years of the seven", [year(name) for name in names], [2014, 2016, 2017, 2018, 2020, 2020, 2023])
    share = [entry["core_minutes"] / found["minutes"] for entry in found["entries"]]
    s.near("core minutes of each, over what was asked for", share, [1.0] * 7, within=0.4)
    far, read = ({name: told[name][kind] for name in names} for kind in ("Fréchet", "conditional fidelity"))
    same = {(one["data"], one["protocol"]["extractor"]) for one in far.values()}
    s.equal("sets of digits and features that the seven are measured on", len(same), 1)
    s.least("digits: distance of the best, less what real rows have",
            min(one["interval"][1] - one["floor"] for one in far.values()), 0.0)  # fmt: skip
    rank = stats.spearmanr([year(name) for name in names], [one["value"] for one in far.values()]).statistic
    s.note("digits: rank correlation of year and distance", rank)
    s.note("digits: Fréchet distance, share read as asked", [[n, far[n]["value"], read[n]["value"]] for n in names])
    labels = [f"{name.replace('_', ' ')} {year(name)}" for name in names]
    _, axes = s.figure(
        1, 2, size=(6.4, 3.4), sharey=True, alt="Fréchet distances and shares read as asked of seven models of digits "
        "with intervals, by year from 2014 to 2023; what real rows reach is a line."
    )  # fmt: skip
    for axis, of, label in zip(axes, (far, read), ("Fréchet distance", "share read as asked"), strict=True):
        for place, name in enumerate(names):
            bar = 1.96 * (of[name]["error"] or 0)
            axis.errorbar(of[name]["value"], place, xerr=bar, fmt="o", capsize=3, color="C0")
        axis.axvline(of[names[0]]["floor"], color="C6", linestyle="--", linewidth=1.5)
        axis.set(yticks=range(7), yticklabels=labels, xlabel=label, xlim=(0, None), ylim=(6.5, -0.5))
    _, axis = s.figure(size=(6.4, 3.8), alt="A line of ten digits of each of seven models, by year.")
    wall(axis, torch.cat([unpacked(found["shown"][name]) for name in names]) / 16, 10, lines=labels)


def linked(s: Study) -> None:
    """Ten small models on one set of pictures, each told the class and trained for five core minutes: the repository
    that the slide links has such a table, under a distance that was broken. Here the Fréchet distance is that of a
    judge's features, with 95 % intervals, beside what real pictures have from others; and the judge tells in which
    share of samples it sees the class that was asked for. Guidance without a classifier is the diffusion drawn in
    another way, not another model.

    Next: [Results](../results.md), and `genzoo reproduce linked-zoo` trains all of them again.
    """
    found = record("linked-zoo", s.again)
    told = {entry["name"]: {m["name"]: m for m in entry["measurements"]} for entry in found["entries"]}
    told[f"{found['guided']['of']}, guided"] = {m["name"]: m for m in found["guided"]["measurements"]}
    far, read = ({name: one[kind] for name, one in told.items()} for kind in ("Fréchet", "conditional fidelity"))
    s.equal("models", len(found["entries"]), 10)
    minutes = [entry["core_minutes"] for entry in found["entries"]]
    s.near("core minutes of each", minutes, [5.0] * len(minutes), within=1.0)
    s.equal(
        "kinds of features and rows", len({(one["data"], one["protocol"]["extractor"]) for one in far.values()}), 1
    )
    s.least("share that the judge reads as asked, the best", max(one["value"] for one in read.values()), 0.85)
    s.least(
        "distance of the best, less what real rows have", min(one["value"] - one["floor"] for one in far.values()), 0
    )
    s.note("Fréchet distance, share read as asked", [[name, far[name]["value"], read[name]["value"]] for name in told])
    names = sorted(told, key=lambda name: far[name]["value"])
    _, axes = s.figure(
        1, 2, size=(7.2, 4.6), sharey=True, alt="Fréchet distances and shares read as asked, of ten models "
        "and of a guided one, with intervals, the nearest on top; what real rows reach is a line."
    )  # fmt: skip
    for axis, of, label in zip(axes, (far, read), ("Fréchet distance", "share read as asked"), strict=True):
        for place, name in enumerate(names):
            axis.errorbar(
                of[name]["value"], place, xerr=1.96 * (of[name]["error"] or 0), fmt="o", capsize=3, color="C0"
            )
        axis.set(yticks=range(len(names)), yticklabels=[n.replace("_", " ") for n in names], xlabel=label)
        axis.axvline(of[names[0]]["floor"], color="C6", linestyle="--", linewidth=1.5)
        axis.set(ylim=(len(names) - 0.5, -0.5))
    axes[0].set(xlim=(0, None))
    _, axis = s.figure(size=(6.2, 6.4), alt="A line of ten samples for each of ten models, by class.")
    shown = [name for name in names if name in found["shown"]]
    wall(
        axis, torch.cat([unpacked(found["shown"][name]) for name in shown]) // 8 * 8, 10
    )  # fewer levels: a small file
    for k, name in enumerate(shown):
        axis.text(-4, 29 * k + 14, name.replace("_", " "), ha="right", va="center", fontsize=11)


def voices(s: Study) -> None:
    """One WaveNet of six voices says ten words. Systems that speak are built in two stages, and so is this one: a flow
    that is told digit and speaker draws the spectrum of a word, frame by frame; and the WaveNet, told the speaker and
    the frames, says sample by sample what excites the filter that the frames are. Two judges listen: one names the
    digit, one the speaker. Real clips that nobody trained on are what can be reached. Judges hear spectra more than
    voices: white noise in place of the WaveNet makes a whisper of the same frames, and is told beside it. The slide's
    claim is about fidelity that is alike from voice to voice, so all is told for each speaker, with the spread of
    sounds of one digit beside that of real ones; theo's voice is heard least. Listen to `voices.wav`, a row of digits
    for each speaker, and to `real.wav`. Van den Oord and others, 2016, arXiv:1609.03499; Shen and others, 2018,
    arXiv:1712.05884.

    Next: [models that go on](../families/autoregressive.md), and `python -m experiments.speaking` trains both again.
    """
    found = record("speaking", s.again)
    told = {"made": found["temperature 0.9"], "white noise": found["white noise"],
            "said again": found["said again"], "real": found["real"]}  # fmt: skip
    made, real = told["made"], told["real"]
    s.least("sounds of each of 60 pairs", made["sounds"] / 60, 10)
    for number, name in enumerate(("digit", "speaker")):
        heard = {way: each[name]["share"] for way, each in told.items()}
        s.least(f"share of sounds in which the {name} is heard", heard["made"], HEARD)
        s.least(f"{name}: what is heard less what is where conditions are dealt anew",
                heard["made"] - made["dealt anew"][name]["share"], 0.3)  # fmt: skip
        s.note(f"{name} heard, by kind of sound", [list(pair) for pair in heard.items()])
        s.note(f"{name} heard, by speaker: made, real", [each["by speaker"][number] for each in (made, real)])
    s.note("spread of sounds of one digit, by speaker: made, real", [made["spread"], real["spread"]])
    s.note("bits a sample of held-out excitations, given frames", list(found["bits a sample"].values()))
    _, axes = s.figure(2, 1, size=(6.4, 7), height_ratios=[1.5, 1], alt="Spectra of made digits, a row for each of "
                       "six voices, and a row of real ones; and by speaker the shares in which digit and speaker "
                       "are heard: made, of white noise, and real.")  # fmt: skip
    sounds = {"voices": [made["shown"][6 * (k % 10) + k // 10] for k in range(60)], "real": real["shown"]}
    wall(axes[0], torch.cat([spectra(s, *each) for each in sounds.items()]), 10, "zero to nine",
         [*found["speakers"], "real"])  # fmt: skip
    places = torch.arange(len(found["speakers"]))
    for number, name in enumerate(("digit", "speaker")):
        for marker, way in (("o", "made"), ("x", "white noise"), ("_", "real")):
            axes[1].plot(places + 0.2 * number - 0.1, told[way]["by speaker"][number], marker, color=f"C{number}",
                         ms=10, mew=2, label=f"{name}, {way}")  # fmt: skip
    axes[1].set(xticks=places, xticklabels=found["speakers"], ylim=(0, 1.05), ylabel="share heard")
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.16), "columnspacing": 1}
    axes[1].legend(fontsize=10, ncols=3, **below)


def spectra(s: Study, name: str, letters: list[str]) -> Tensor:
    """Pictures of the sounds of a record, which are kept as a file to be listened to."""
    eighths = [bytearray(zlib.decompress(base64.b64decode(each))) for each in letters]
    rows = pad_sequence([8 * torch.frombuffer(each, dtype=torch.uint8) + 4 for each in eighths], True, 128)
    s.folder.mkdir(parents=True, exist_ok=True)
    s.keep(SoundCodec(8000, levels=256).save(rows, s.folder / f"{name}.wav"))
    return (7.5 * LogMel(8000, 8000, hop=256)(expanded(rows)).flip(2) + 7.5).round() / 15  # few levels: a small file


def year(recipe: str) -> int:
    """In which a recipe's paper came out."""
    return int(re.findall(r"(?:19|20)\d\d", recipe_named(recipe).paper)[0])
