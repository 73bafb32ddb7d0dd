"""Spoken digits of six speakers by one model of raw sound, heard by judges of the digit and of the speaker.

    python -m experiments.speaking [--minutes 40] [--each 10]
    python -m experiments.speaking --split valid      while settings are chosen

`wavenet` hears samples of the μ-law, told digit and speaker. Of every pair sounds are drawn, and two judges say which
digit they hear and whose voice; what they say of real clips of held-out rows stands beside, and so does what they say
where the conditions were dealt anew. The judge of digits is the shipped one, that of speakers is trained here, on
training rows. Spread is the mean distance of two sounds of one pair in the features of the judge of digits, over the
same of real clips. Bits are the negative log₂ likelihood of held-out clips over their number of samples. Runs go on
where they stopped.

References:
    van den Oord et al., 2016, "WaveNet: a generative model for raw audio", arXiv:1609.03499
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genzoo.data import Data, read
from genzoo.evaluation.judge import Judge, read_judge, shipped_judge
from genzoo.experiments.judges import train_judge
from genzoo.tasks.intervals import of_proportion
from genzoo.zoo import load, resume, store, train
from genzoo.zoo.run import Run

RECORD = Path(__file__).parent / "records" / "speaking.json"


def run_of(data: Data, minutes: float, path: Path, **settings: Any) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    settings = {"sample_every": 10**6, "valid_rows": 64} | settings  # sounds are drawn at the end
    return train("wavenet", data, out=path, core_minutes=minutes, device="cpu", **settings)


def judge_of_speakers(out: Path) -> Judge:
    """Made on training rows, or found."""
    path = out / "judge.safetensors"
    return read_judge(path) if path.exists() else read_judge(train_judge("fsdd-speakers", out).path)


def drawn(run: Run, data: Data, each: int, **choosing: float) -> tuple[Tensor, Tensor, Tensor]:
    """Sounds, so many of each pair of digit and speaker, with their numbers."""
    digits, speakers = (len(data.classes[name]) for name in ("digit", "speaker"))
    pairs = torch.cartesian_prod(torch.arange(digits), torch.arange(speakers)).repeat_interleave(each, dim=0)
    digit, speaker = pairs.unbind(1)
    return run.generative.sample(len(pairs), {"digit": digit, "speaker": speaker}, seed=0, **choosing), digit, speaker


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
    levels = rows.x.shape[1] - rows.x.eq(256).sum(1)
    nats = -run.generative.log_prob(rows.x, rows.given).double()
    of = nats / (levels + 1) / torch.tensor(2.0).log()  # the end is said, too
    return {"bits": round((nats.sum() / (levels + 1).sum()).item() / 0.6931471805599453, 4),
            "error": round((of.std() / len(of) ** 0.5).item(), 4)}  # fmt: skip


def figures_of(run: Run, data: Data, eyes: dict[str, Judge], split: str, each: int) -> dict[str, Any]:
    """What is measured, of samples at two temperatures and of real clips."""
    rows = data.split(split)
    assert isinstance(rows.given, dict)
    found: dict[str, Any] = {"bits a sample": bits_of(run, rows)}
    found["real"] = heard(rows.x, rows.given["digit"], rows.given["speaker"], eyes)
    for temperature in (1.0, 0.9):
        x, digit, speaker = drawn(run, data, each, temperature=temperature)
        told = heard(x, digit, speaker, eyes)
        dealt = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
        told["dealt anew"] = {k: v for k, v in heard(x, digit[dealt], speaker[dealt], eyes).items() if k in eyes}
        found[f"temperature {temperature}"] = told
        data.codec.save(x[::each], run.path / f"wall-{temperature}.wav")  # one of each pair, to be listened to
    return found


def main() -> None:
    """Trains, draws, listens, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--minutes", type=float, default=40.0)
    asked.add_argument("--each", type=int, default=10, help="sounds of each pair")
    asked.add_argument("--split", default="test", help="held-out rows")
    asked.add_argument("--out", type=Path, default=Path("runs/speaking"))
    asked.add_argument("--record", type=Path, default=None)
    given = asked.parse_args()
    data = read("fsdd", given=["digit", "speaker"], encoding="mulaw")
    eyes = {
        "digit": shipped_judge("fsdd").on(data.space),
        "speaker": judge_of_speakers(given.out / "judge").on(data.space),
    }
    run = run_of(data, given.minutes, given.out / "wavenet")
    last = run.metrics[-1]
    record = {
        "data": data.fingerprint,
        "speakers": list(data.classes["speaker"]),
        "split": given.split,
        "judges": {
            name: {"accuracy": judge.accuracy, "fingerprint": judge.fingerprint} for name, judge in eyes.items()
        },
        "settings": run.config.recipe.arguments,
        "core_seconds": round(last["core_seconds"], 1),
        "steps": last["step"],
        "versions": {name: each for name, each in run.config.versions.items() if name != "platform"},
        **figures_of(run, data, eyes, given.split, given.each),
    }
    path = given.record or (RECORD if given.split == "test" else given.out / "record.json")
    path.write_text(json.dumps(record, indent=1) + "\n")
    for name in ("real", "temperature 1.0", "temperature 0.9"):
        print(name, {k: v for k, v in record[name].items() if k in ("digit", "speaker", "by speaker", "spread")})
    print(record["bits a sample"], path)


if __name__ == "__main__":
    main()
