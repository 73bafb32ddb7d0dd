"""Saving: what a model's tensors hold is all that it is."""

import torch
from safetensors.torch import load, save
from torch import Tensor

from genzoo.core import GenerativeModel
from genzoo.testing.promise import Subject, hold, promise

__all__ = ["told"]


@promise(kind="use")
def what_is_saved_and_loaded_is_the_same_model(subject: Subject) -> None:
    """Tensors go through a file of safetensors into a copy whose own were wiped."""
    model, other = subject.model, subject.copy()
    written = save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()})
    with torch.no_grad():
        for tensor in other.state_dict().values():
            tensor.zero_()
    other.load_state_dict(load(written))
    mine, its = told(subject, model), told(subject, other)
    for what in mine:
        hold(torch.equal(mine[what], its[what]), f"{what} differs once the model was saved and loaded")


def told(subject: Subject, model: GenerativeModel) -> dict[str, Tensor]:
    """What a model makes of seeds and rows.

    Args:
        subject: Whose rows are asked.
        model: The model or another one of its kind.
    """
    data = subject.batch(2)
    found = dict[str, Tensor]()
    with torch.no_grad():
        if model.can("sample"):
            found["sample"] = model.sample(2, data.given, seed=3, **subject.options)
        if model.can("log_prob"):
            found["log_prob"] = model.log_prob(data.x, data.given, seed=3, **subject.scoring)
        if model.can("encode"):
            found["encode"] = model.encode(data.x, data.given)
    return found
