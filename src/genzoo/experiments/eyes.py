"""What sees the samples of a comparison: never raw pixels, in which noise weighs as much as what an image shows.

A judge that came with the package for these data is the surest. Else one is trained on the data's own labels, else the
nearest of those that came with the package looks at them at its own size, else one is trained on the images alone.
"""

import dataclasses

from genzoo.data import Data
from genzoo.evaluation.extractors import Extractor, extractor_named
from genzoo.evaluation.judge import LEAST_SIDE, Judge, judge_made_for
from genzoo.evaluation.nearest import nearest_judge
from genzoo.experiments.own_judges import judge_of_labels, judge_of_views

__all__ = ["Eye", "eye_for", "eye_named"]

SHARE, LEAST, MOST = 0.05, 20.0, 120.0  # of the comparison's core-seconds; core-seconds at least and at most
NEAREST = (
    "It was made for other data: of the judges that come with the package, the one for images of the nearest color "
    "and size that recognizes these best. No labels of these data could be learned."
)
ALONE = 60.0  # at least, without labels: contrasts teach slowly


@dataclasses.dataclass(frozen=True)
class Eye:
    """What sees samples.

    Attributes:
        extractor: What makes features of them; None for what suits points, tables and texts.
        why: Why it was taken, and what is known of it, in a sentence; empty where there is nothing to say.
    """

    extractor: Extractor | None = None
    why: str = ""


def eye_for(data: Data, core_seconds: float) -> Eye:
    """What sees the samples of models of some data best.

    Args:
        data: The data.
        core_seconds: What the trainings of all models took; a judge's own training takes 5 % of it, between 20 and
            120 core-seconds (without labels 60 at least), or fewer where the rows are few.

    Example:
        >>> from genzoo.data import read
        >>> eye_for(read("digits"), 60).why
        'It was made for digits, and names 99.4 % of held-out rows rightly.'
        >>> eye_for(read("ring"), 60)
        Eye(extractor=None, why='')
    """
    if (made := judge_made_for(data)) is not None:
        right = _percent(made.accuracy or 0.0)
        return Eye(made, f"It was made for {data.name}, and names {right} of held-out rows rightly.")
    if not is_shown(data):
        return Eye()
    seconds = min(MOST, max(LEAST, SHARE * core_seconds))
    if (taught := judge_of_labels(data, seconds)) is not None:
        return Eye(taught, _of_labels(taught))
    if (nearest := nearest_judge(data)) is not None:
        return Eye(nearest, NEAREST)
    if len(data.space.shape) != 3:
        return Eye()
    alone = judge_of_views(data, max(ALONE, seconds))
    return Eye(alone, f"It was trained on {alone.record['rows']:,} images alone, {_cost(alone)}.")


def eye_named(name: str | None, data: Data, core_seconds: float) -> Eye:
    """What was asked for by name, or what suits the data where nothing was.

    Args:
        name: One of `genzoo.evaluation.extractors.extractors()`, or None.
        data: The data.
        core_seconds: As in `eye_for`.
    """
    if name is None:
        return eye_for(data, core_seconds)
    return Eye(extractor_named(name, data.space), "It was asked for.")


def is_shown(data: Data) -> bool:
    """Whether rows are images, or sounds: what a judge sees or hears."""
    shape = data.space.shape
    if getattr(data.codec, "rate", None) is not None:
        return True
    return len(shape) == 3 and min(shape[1:]) >= LEAST_SIDE and not data.space.ragged


def _of_labels(judge: Judge) -> str:
    said = judge.record
    return (
        f"It was trained on the {said['label']}s of {said['rows']:,} training rows, {_cost(judge)}, and names "
        f"{_percent(said['accuracy'])} of {said['validation_rows']:,} validation rows rightly (the commonest class "
        f"alone would name {_percent(said['chance'])})."
    )


def _cost(judge: Judge) -> str:
    return f"{judge.record['steps']:,} steps in {judge.record['core_seconds']:.0f} core-seconds"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
