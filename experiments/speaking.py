"""Spoken digits of six speakers by two models of the zoo, heard by judges of the digit and of the speaker.

    python -m experiments.speaking [--minutes 12 30] [--each 10]
    python -m experiments.speaking --split valid      while settings are chosen

As systems that speak are built: `flow_matching`, told digit and speaker, draws the spectrum of a word, frame by frame
the energy in bands; one `wavenet` of all voices, told the speaker and the frames, says the samples. What it says is
what excites a filter that the frames are: the sound less what a linear predictor of their spectrum knows, over its
deviation, so that it is as loud in silence as in a vowel, and a sample of it is a level of the μ-law. Of every pair
sounds are drawn, and two judges say which digit they hear and whose voice. Beside stand real clips of held-out rows,
the same clips said again from their own frames, the drawn frames excited by white noise in place of the wavenet, and
conditions dealt anew. The judge of digits is the shipped one, that of speakers is trained here, on training rows.
Frames are drawn with guidance (Ho & Salimans, 2022, arXiv:2207.12598), which narrows them. Spread is the mean distance
of two sounds of one pair in the features of the judge of digits. Bits are the negative log₂ likelihood of held-out
excitations, given frames, over their number of samples. Runs go on where they stopped.

References:
    van den Oord et al., 2016, "WaveNet: a generative model for raw audio", arXiv:1609.03499
    Shen et al., 2018, "Natural TTS synthesis by conditioning WaveNet on mel spectrogram predictions", arXiv:1712.05884
    Song, Byun & Kang, 2019, "ExcitNet vocoder: a neural excitation model for parametric speech synthesis systems",
    arXiv:1811.04769
    Valin & Skoglund, 2019, "LPCNet: improving neural speech synthesis through linear prediction", arXiv:1810.11846
    Lipman et al., 2023, "Flow matching for generative modeling", arXiv:2210.02747
"""

import argparse
import base64
import dataclasses
import json
import math
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genzoo.core import GenerativeModel, Noise, Space
from genzoo.core.abilities import Sequential
from genzoo.core.given import NOTHING, Given
from genzoo.data import Data, read
from genzoo.data.codecs.array import ArrayCodec
from genzoo.data.codecs.audio import companded, expanded
from genzoo.evaluation.judge import Judge, read_judge, shipped_judge
from genzoo.experiments.judges import train_judge
from genzoo.models.choice import Choice
from genzoo.models.stepping import continued
from genzoo.nn.spectrum import mel_bands
from genzoo.tasks.intervals import of_proportion
from genzoo.zoo import load, resume, store, train
from genzoo.zoo.run import Run

RECORD = Path(__file__).parent / "records" / "speaking.json"
RATE, FRAMES, FRAME, BANDS, WINDOW = 8000, 64, 128, 32, 256  # a second of sound; 1 clip in 200 is longer, and cut
ORDER, PIECE = 16, 32  # of the predictor, and for how many samples one stands
GUIDANCE = 1.0  # of the frames
LOUDEST = 8.0  # deviations of an excitation that the levels span
SILENT = -0.98  # the mean over bands of a frame in which nothing is heard


class Voices(NamedTuple):
    """The two models."""

    frames: Run
    sound: Run


def frames_of(levels: Tensor) -> Tensor:
    """(n, FRAMES, BANDS) the energy in bands that the ear tells apart, of each frame and what is beside it, in
    logarithms: −1 is 60 dB below one, and silence."""
    sound = torch.where(levels == 256, 0.0, expanded(levels.clamp(max=255).to(torch.uint8)))
    beside = (WINDOW - FRAME) // 2
    sound = torch.nn.functional.pad(sound, (beside, FRAMES * FRAME + beside - sound.shape[1]))
    windows = sound.unfold(1, WINDOW, FRAME) * torch.hann_window(WINDOW)
    energy = torch.fft.rfft(windows).abs().square() @ mel_bands(RATE, WINDOW, BANDS).T
    return (10 * energy.clamp_min(1e-6).log10() + 60) / 50 - 1


def filters(frames: Tensor) -> tuple[Tensor, Tensor]:
    """(n, pieces, ORDER) the coefficients of the linear predictor of a spectrum, and (n, pieces) its deviation.

    The energy in bands is a density over all frequencies, between centers in a straight line of logarithms; the
    density gives autocorrelations, between frames in a straight line, too; and Yule and Walker's equations give the
    predictor.
    """
    bank = mel_bands(RATE, WINDOW, BANDS).double()
    area, bins = bank.sum(1), torch.arange(bank.shape[1]).double()
    centers = (bank * bins).sum(1) / area
    right = torch.searchsorted(centers, bins).clamp(1, BANDS - 1)
    share = ((bins - centers[right - 1]) / (centers[right] - centers[right - 1])).clamp(0, 1)
    level = ((frames.double() + 1) * 5 - 6) * math.log(10) - area.log()
    density = torch.lerp(level[..., right - 1], level[..., right], share).exp()
    along = torch.fft.irfft(density / torch.hann_window(WINDOW).square().sum())[..., : ORDER + 1]
    along = torch.nn.functional.interpolate(along.mT, scale_factor=FRAME // PIECE, mode="linear").mT
    lag = torch.arange(ORDER + 1).double()
    along = along * (-0.5 * (2 * math.pi * 30 / RATE * lag) ** 2).exp()  # no peak is narrower than 30 Hz
    along[..., 0] += 1e-5 * along[..., 0] + 1e-12  # nor infinitely high
    apart = (lag[1:, None] - lag[1:]).abs().long()
    weights = torch.linalg.solve(along[..., apart], along[..., 1:, None]).squeeze(-1)
    variance = along[..., 0] - (weights * along[..., 1:]).sum(-1)
    return weights, variance.clamp_min(1e-12).sqrt()


def excitation(levels: Tensor) -> Tensor:
    """Clips as what excites the filter of their own frames, levels of the μ-law; padding stays."""
    sound = torch.where(levels == 256, 0.0, expanded(levels.clamp(max=255).to(torch.uint8)))
    weights, deviation = (each.repeat_interleave(PIECE, 1) for each in filters(frames_of(levels)))
    past = torch.nn.functional.pad(sound, (ORDER, 0)).unfold(1, ORDER, 1)[:, :-1].flip(-1)
    rest = (sound - (weights * past).sum(-1)) / deviation
    return torch.where(levels == 256, 256, companded(rest / LOUDEST).to(levels.dtype))


def excited(rest: Tensor, frames: Tensor) -> Tensor:
    """What comes of a filter of frames when something excites it, as levels of the μ-law: `excitation` undone."""
    weights, deviation = filters(frames)
    past, sound = torch.zeros(len(rest), ORDER).double(), []
    for t, each in enumerate(rest.double().unbind(1)):
        now = deviation[:, t // PIECE] * each + (weights[:, t // PIECE] * past).sum(1)
        past = torch.cat([now[:, None], past[:, :-1]], 1)
        sound.append(now)
    return companded(torch.stack(sound, 1)).long()


def sounds() -> Data:
    """The clips, of which none is longer than all frames."""
    data = read("fsdd", given=["digit", "speaker"], encoding="mulaw")
    length = FRAMES * FRAME
    return dataclasses.replace(
        data, x=data.x[:, :length].contiguous(), space=Space((length,), levels=256, ragged=True), origin=None
    )


def spectra(data: Data) -> Data:
    """The frames of the clips as pictures, given digit and speaker."""
    x = frames_of(data.x).mT[:, None].contiguous()
    return dataclasses.replace(data, x=x, space=Space(tuple(x.shape[1:])), codec=ArrayCodec())


def framed(data: Data) -> Data:
    """The excitations of the clips given speaker and frames."""
    assert isinstance(data.given, dict)
    assert isinstance(data.given_space, dict)
    return dataclasses.replace(
        data,
        x=torch.cat([excitation(part) for part in data.x.split(256)]),
        given={"speaker": data.given["speaker"], "frames": frames_of(data.x)},
        given_space={"speaker": data.given_space["speaker"], "frames": Space((FRAMES, BANDS))},
        classes={"speaker": data.classes["speaker"]},
    )


def voices(data: Data, minutes: tuple[float, float], path: Path) -> Voices:
    """Both trainings, one after the other."""
    quiet: dict[str, Any] = {"device": "cpu", "sample_every": 10**6}  # sounds are drawn at the end
    frames = run_of("flow_matching", spectra(data), path / "frames", core_minutes=minutes[0], **quiet)
    told = {"core_minutes": minutes[1], "settings": {"drop_given": 0.0, "frame": FRAME}, "valid_rows": 64, **quiet}
    return Voices(frames, run_of("wavenet", framed(data), path / "wavenet", **told))


def run_of(recipe: str, data: Data, path: Path, **settings: Any) -> Run:
    """A training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path, data=data)
    return train(recipe, data, out=path, **settings)


def judge_of_speakers(out: Path) -> Judge:
    """Made on training rows, or found."""
    path = out / "judge.safetensors"
    return read_judge(path) if path.exists() else read_judge(train_judge("fsdd-speakers", out).path)


def pairs(data: Data, each: int) -> tuple[Tensor, Tensor]:
    """So many of each pair of digit and speaker."""
    digits, speakers = (torch.arange(len(data.classes[name])) for name in ("digit", "speaker"))
    digit, speaker = torch.cartesian_prod(digits, speakers).repeat_interleave(each, dim=0).unbind(1)
    return digit, speaker


class Endless(Sequential):
    """A model of sounds that does not end: how long they are the frames say."""

    def __init__(self, model: GenerativeModel) -> None:
        self.steps = model.able(Sequential)
        self.space = Space(model.space.shape, levels=model.space.levels)
        self.symbols = self.steps.symbols - 1

    def begin(self, n: int, given: Given = NOTHING) -> Any:
        return self.steps.begin(n, given)

    def logits(self, state: Any) -> Tensor:
        return self.steps.logits(state)[:, : self.symbols]

    def take(self, state: Any, symbol: Tensor) -> Any:
        return self.steps.take(state, symbol)


def said(models: Voices, frames: Tensor, speaker: Tensor, temperature: float = 1.0) -> Tensor:
    """Frames as sound."""
    told, choice = {"speaker": speaker, "frames": frames.contiguous()}, Choice(temperature=temperature)
    with torch.no_grad():
        rest = continued(Endless(models.sound.generative), len(frames), told, noise=Noise(0, "said"), choice=choice)
    return as_long(excited(LOUDEST * expanded(rest.to(torch.uint8)), frames), frames)


def hissed(frames: Tensor) -> Tensor:
    """Frames as sound without a voice: white noise excites them."""
    return as_long(excited(Noise(0, "hissed").normal(len(frames), FRAMES * FRAME), frames), frames)


def as_long(sound: Tensor, frames: Tensor) -> Tensor:
    """Sounds up to their last frame that is not silent."""
    last = ((frames.mean(-1) > SILENT) * torch.arange(1, FRAMES + 1)).amax(1) * FRAME
    return torch.where(torch.arange(FRAMES * FRAME) < last[:, None], sound, 256)


def heard(x: Tensor, digit: Tensor, speaker: Tensor, eyes: dict[str, Judge]) -> dict[str, Any]:
    """The shares of sounds in which what was asked for is heard, of all, by speaker and by digit, with intervals."""
    said = {name: judge.probabilities(x).argmax(1) for name, judge in eyes.items()}
    right = {"digit": said["digit"] == digit, "speaker": said["speaker"] == speaker}
    return {
        "sounds": len(x),
        **{name: share(hits) for name, hits in right.items()},
        "by speaker": [[share(hits[speaker == k])["share"] for k in speaker.unique()] for hits in right.values()],
        "digit taken for": torch.bincount(10 * digit + said["digit"], minlength=100).view(10, 10).tolist(),
        "spread": spread(eyes["digit"](x), digit, speaker),
    }


def share(hits: Tensor) -> dict[str, Any]:
    """The share of hits with its interval of 95 %."""
    found = of_proportion(int(hits.sum()), len(hits))
    return {"share": round(found.value, 4), "interval": [round(found.low, 4), round(found.high, 4)]}


def spread(features: Tensor, digit: Tensor, speaker: Tensor) -> list[float]:
    """For each speaker the mean distance of two sounds of one digit, in features."""
    found = []
    for k in speaker.unique():
        of = [features[(speaker == k) & (digit == d)] for d in digit.unique()]
        far = torch.cat([torch.pdist(some) for some in of if len(some) > 1])
        found.append(round(far.mean().item(), 3))
    return found


def bits_of(run: Run, rows: Any) -> dict[str, Any]:
    """Bits of each sample of held-out clips, with the standard error over clips."""
    samples = 1 + rows.x.ne(256).sum(1)  # the end is said, too
    bits = -run.generative.log_prob(rows.x, rows.given).double() / torch.tensor(2.0).log()
    found = bits.sum() / samples.sum()
    error = (bits - found * samples).std() * len(bits) ** 0.5 / samples.sum()  # of a ratio of sums
    return {"bits": round(found.item(), 4), "error": round(error.item(), 4)}


def packed(levels: Tensor) -> str:
    """A sound in letters: every eighth level, which costs some hissing and saves nearly half of the size."""
    return base64.b64encode(zlib.compress(bytes((levels[levels < 256] // 8).tolist()), 9)).decode()


def figures_of(models: Voices, data: Data, eyes: dict[str, Judge], split: str, each: int) -> dict[str, Any]:
    """What is measured, of samples at two temperatures, of real clips, and of frames that are said in other ways."""
    rows, of_rows = data.split(split), framed(data).split(split)
    assert isinstance(rows.given, dict)
    given = rows.given["digit"], rows.given["speaker"]
    found: dict[str, Any] = {"bits a sample": bits_of(models.sound, of_rows), "real": heard(rows.x, *given, eyes)}
    firsts = [int(((given[0] == k) & (given[1] == k % 6)).nonzero()[0]) for k in range(10)]
    found["real"]["shown"] = [packed(rows.x[k]) for k in firsts]
    found["said again"] = heard(said(models, frames_of(rows.x), given[1]), *given, eyes)
    asked = pairs(data, each)
    told = dict(zip(("digit", "speaker"), asked, strict=True))
    frames = models.frames.generative.sample(len(asked[0]), told, seed=0, guidance=GUIDANCE)
    frames = frames.squeeze(1).mT.clamp_min(-1)  # below the silence that was taught there is nothing
    found["white noise"] = heard(hissed(frames), *asked, eyes)
    dealt = torch.randperm(len(frames), generator=torch.Generator().manual_seed(0))
    for temperature in (1.0, 0.9):
        x = said(models, frames, asked[1], temperature=temperature)
        made = heard(x, *asked, eyes)
        made["dealt anew"] = {k: v for k, v in heard(x, *(part[dealt] for part in asked), eyes).items() if k in eyes}
        found[f"temperature {temperature}"] = made
        data.codec.save(x[::each], models.sound.path / f"wall-{temperature}.wav")  # to be listened to
    made["shown"] = [packed(sound) for sound in x[::each]]  # the first of each pair, not the best
    return found


def main() -> None:
    """Trains, draws, listens, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--minutes", type=float, nargs=2, default=(12.0, 30.0), help="of cores, frames and sound")
    asked.add_argument("--each", type=int, default=10, help="sounds of each pair")
    asked.add_argument("--split", default="test", help="held-out rows")
    asked.add_argument("--out", type=Path, default=Path("runs/speaking"))
    asked.add_argument("--record", type=Path, default=None)
    given = asked.parse_args()
    data = sounds()
    eyes = {
        "digit": shipped_judge("fsdd").on(data.space),
        "speaker": judge_of_speakers(given.out / "judge").on(data.space),
    }
    models = voices(data, tuple(given.minutes), given.out)
    record = {
        "data": data.fingerprint,
        "speakers": list(data.classes["speaker"]),
        "split": given.split,
        "guidance": GUIDANCE,
        "judges": {
            name: {"accuracy": judge.accuracy, "fingerprint": judge.fingerprint} for name, judge in eyes.items()
        },
        "models": {
            name: {
                "recipe": run.config.recipe.name,
                "settings": run.config.recipe.arguments,
                "core_seconds": round(run.metrics[-1]["core_seconds"], 1),
                "steps": run.metrics[-1]["step"],
            }
            for name, run in models._asdict().items()
        },
        "versions": {name: each for name, each in models.sound.config.versions.items() if name != "platform"},
        **figures_of(models, data, eyes, given.split, given.each),
    }
    path = given.record or (RECORD if given.split == "test" else given.out / "record.json")
    path.write_text(json.dumps(record, indent=1) + "\n")
    for name in ("real", "said again", "white noise", "temperature 1.0", "temperature 0.9"):
        print(name, {k: v for k, v in record[name].items() if k in ("digit", "speaker", "by speaker", "spread")})
    print(record["bits a sample"], path)


if __name__ == "__main__":
    main()
