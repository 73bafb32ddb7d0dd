"""Validation: the same rows with the same noise every time, the weights that did best, and when to stop."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from genzoo.core import GenerativeModel, Noise, Trainable
from genzoo.training.course import Course
from genzoo.training.order import Part, Source
from genzoo.training.state import State
from genzoo.training.team import Team

__all__ = ["has_loss", "judge", "validate", "verdict"]

RISEN = 4  # validations without a better one from which on a rise is told


def has_loss(model: nn.Module) -> bool:
    """Whether a model has one loss, by which it can be validated."""
    return not isinstance(model, GenerativeModel) or model.can("loss")


def judge(state: State, valid: Source) -> float:
    """The validation loss as it is told; keeps the best weights and stops early as the configuration says.

    A loss that is not finite is no better than any other, the first one too.

    Args:
        state: The training.
        valid: The rows to validate on.
    """
    loss = state.told.value("loss", validate(state.course, state.weights, valid, state.plan.judged, state.progress))
    if math.isfinite(loss) and (state.best is None or loss < state.best):
        state.best, state.best_step, state.waited = loss, state.step, 0
        if state.config.keep == "best":
            state.best_weights = {name: tensor.detach().clone() for name, tensor in state.weights.state_dict().items()}
    else:
        state.waited += 1
        state.done |= state.config.waits is not None and state.waited >= state.config.waits
    return loss


def validate(course: Course, weights: Trainable, valid: Source, rows: int, progress: float = 0.0) -> float:
    """The mean loss over the first validation rows, with the same noise at every validation.

    Args:
        course: How the model is trained, which says where its rows go.
        weights: The model with the weights that are judged.
        valid: The rows.
        rows: How many of them.
        progress: How far the training is.
    """
    config, team = course.config, course.team
    sums = torch.zeros(2, dtype=torch.float64)
    training = weights.training
    weights.eval()
    for index, count in _batches(team, rows, config.batch_size):
        noise = Noise(config.seed, "valid", start=int(index[0]), device=team.device)
        part = Part(*valid.gather(index, seed=config.seed), 0, len(index))
        batch = course.batch(part, noise, progress)
        with torch.no_grad(), course.autocast():
            sums += torch.tensor([float(weights.loss(batch)) * count, count], dtype=torch.float64)
    weights.train(training)
    total, count = team.total(sums.to(team.device)).tolist()
    return total / count if count else math.nan


def _batches(team: Team, rows: int, size: int) -> Iterator[tuple[Tensor, int]]:
    """The rows that this process judges, and how many of them count: whole batches in turn; or, where all must call
    the same layers, a share of each, and a row that does not count where there are fewer than processes."""
    if not team.shards:
        for first in range(team.rank * size, rows, team.size * size):
            yield torch.arange(first, min(rows, first + size)), min(rows - first, size)
        return
    for first in range(0, rows, size):
        part = team.share(min(rows - first, size))
        begin, count = min(first + part.start, rows - 1), part.stop - part.start
        yield torch.arange(begin, begin + max(1, count)), count


def verdict(state: State) -> str | None:
    """What validation says of the weights that are kept, if there is anything to say.

    Args:
        state: The training at its end.
    """
    if state.best is None:
        return "no validation loss was finite: the last weights are kept" if state.waited else None
    early = f"stopped after step {state.step:,} of {state.total:,}: " if state.stopped else ""
    if state.best_weights is not None:
        since = f", and not lower since: the weights of step {state.best_step:,} are kept" if state.waited else ""
    elif early or state.waited >= RISEN:
        since = ", and not lower since, but the last weights are kept: keep=best would keep those"
    else:
        since = ""
    return (
        f"{early}validation was at its lowest, {state.best:.4g}, at step {state.best_step:,}{since}" if since else None
    )
