"""How a judge of spoken digits does on a voice that it never heard: each speaker is left out in turn."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

from genzoo.core import seeded
from genzoo.data import Data, read
from genzoo.evaluation.judge import Judge
from genzoo.experiments.judges import SCHOOLS, accuracy_of, settings_of
from genzoo.experiments.outcome import Outcome
from genzoo.training import TrainConfig, train

__all__ = ["leave_speakers_out", "without"]


def leave_speakers_out(out: Path, *, say: Callable[[str], None] = print, **changes: int) -> Outcome:
    """Trains the judge of spoken digits without each speaker in turn, and measures it on that one alone.

    Args:
        out: The folder to write to.
        say: Where remarks go.
        changes: Settings of the training instead of the school's, of which it makes fewer steps.
    """
    school, right, spent = SCHOOLS["fsdd"], {}, 0.0
    data, voices = read("fsdd", given="digit"), read("fsdd", given="speaker")
    config = TrainConfig(**{**school.config, "steps": 600, **changes})
    for number, speaker in enumerate(voices.classes[""]):
        heard = without(data, voices, number)
        with seeded(config.seed):
            judge = Judge(settings_of("fsdd", school, heard)).on(heard.space)
        trained = train(judge, heard.train, config, say=say)
        right[speaker] = accuracy_of(trained.model, heard.test)
        spent += trained.core_seconds
        say(f"without {speaker}: {right[speaker]:.4f} on {len(heard.test)} of theirs")
    mean = sum(right.values()) / len(right)
    record = {
        "data": data.name,
        "fingerprint_of_data": data.fingerprint,
        "config": config.model_dump(mode="json", exclude_none=True),
        "core_seconds": round(spent, 1),
        "accuracy_by_unseen_speaker": right,
        "accuracy": mean,
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / "record.json"
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return Outcome(mean, None, path, record)


def without(data: Data, voices: Data, speaker: int) -> Data:
    """Data whose training rows are those of all other speakers, and whose test rows are all of one's.

    Args:
        data: The sounds with their digits.
        voices: The same sounds with their speakers.
        speaker: The number of the one who is left out.
    """
    others, theirs = ((voices.given == speaker) == left_out for left_out in (False, True))
    splits = {"train": others, "valid": others & theirs, "test": theirs}
    return dataclasses.replace(data, splits={name: mask.nonzero().flatten() for name, mask in splits.items()})
