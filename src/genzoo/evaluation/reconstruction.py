"""How far rows are from what their codes give back."""

import math

import torch

from genzoo.core.model import Capability, GenerativeModel, evaluating
from genzoo.evaluation.likelihood import RowsLike, chunks
from genzoo.evaluation.measurement import Kind, Measurement

__all__ = ["reconstruction_error"]


def reconstruction_error(model: GenerativeModel, rows: RowsLike) -> Measurement:
    """The mean squared error of an entry between rows and decode(encode(rows)), in the data's own units,

    $$ \\frac{1}{n D} \\sum_i \\|x_i - g(f(x_i))\\|^2. $$

    Args:
        model: A model that encodes and decodes.
        rows: Rows of its space.

    Raises:
        Unsupported: If the model cannot do both.

    Example:
        >>> import genzoo
        >>> from genzoo.models.representation import CodeAutoencoder
        >>> data = genzoo.read("digits")
        >>> print(reconstruction_error(CodeAutoencoder.linear(data.space, code=2), data.test).kind.value)
        statistic
    """
    for capability in (Capability.ENCODE, Capability.DECODE):
        if not model.can(capability):
            raise model.lacks(capability)
    parts = []
    with torch.no_grad(), evaluating(model):
        for _, x, given in chunks(rows, None, 500, model.device):
            condition = given if model.given_space else None
            back = model.decode(model.encode(x, condition), condition)
            parts.append((x.double() - back.double()).flatten(1).square().mean(1).cpu())
    errors = torch.cat(parts)
    error = (errors.std() / math.sqrt(len(errors))).item() if len(errors) > 1 else None
    value, n = errors.mean().item(), len(errors)
    return Measurement("reconstruction error", value, error, Kind.STATISTIC, "unit²", n, rows.fingerprint, {})
