"""Numbers that are lost on their way through a flow: where, and what to do."""

from collections.abc import Iterable

from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.errors import DataError, refuse_infinite
from genzoo.distributions.degenerate import refuse_dependent, refuse_still
from genzoo.models.flows.bijection import Bijection, Embedded

__all__ = ["lost_layer", "refuse_degenerate", "refuse_lost"]


def refuse_lost(x: Float[Tensor, "B *event"]) -> None:
    """Raises if an entry is infinite or missing.

    Args:
        x: Rows.

    Raises:
        DataError: Naming the first of them.
    """
    if x.sum().isfinite() or x.isfinite().all():
        return
    row, *entry = (~x.isfinite()).nonzero()[0].tolist()
    place = f"row {row}, entry {', '.join(map(str, entry))}" if entry else f"row {row}"
    raise DataError(
        f"Rows of a flow must be finite, got {x[(row, *entry)].item()} in {place}. Drop or fill such rows before."
    )


def refuse_degenerate(x: Float[Tensor, "B D"]) -> None:
    """Raises if rows lie on a plane, where a density has no bound: training would follow it to infinity.

    Args:
        x: Rows, more than one has entries.

    Raises:
        ColumnError: Naming columns that never vary, or determine each other.
    """
    refuse_infinite(x)
    mean = x.double().mean(0)
    off = x.double() - mean
    refuse_still(mean, off.square().mean(0).sqrt())
    refuse_dependent(off.T @ off / len(x))


def lost_layer(bijection: Bijection, x: Float[Tensor, "B *event"], given: Embedded) -> ArithmeticError | None:
    """The error for the first layer after which a row is not finite, if there is one.

    Args:
        bijection: The map, with all that it is made of.
        x: Rows that are finite.
        given: The condition's embedding.

    Example:
        >>> import torch
        >>> from genzoo.models.flows import ActNorm, Chain
        >>> chain = Chain(ActNorm(2), ActNorm(2))
        >>> chain.parts[1].mean.data[0] = torch.nan
        >>> print(lost_layer(chain, torch.zeros(1, 2), None))
        Every row must have a finite z and determinant; row 0 is lost in layer parts.1, a ActNorm, whose mean has ...
    """
    found: list[tuple[nn.Module, int]] = []

    def look(module: nn.Module, inputs: object, output: tuple[Tensor, Tensor]) -> None:
        fine = output[0].flatten(1).isfinite().all(1) & output[1].isfinite()
        if not found and not fine.all():
            found.append((module, int((~fine).nonzero()[0])))

    layers = {module: name for name, module in bijection.named_modules() if isinstance(module, Bijection)}
    hooks = [module.register_forward_hook(look) for module in layers]
    try:
        bijection(x, given)
    finally:
        for hook in hooks:
            hook.remove()
    return _told(found[0][0], layers[found[0][0]], found[0][1]) if found else None  # type: ignore[index]


def _told(layer: nn.Module, name: str, row: int) -> ArithmeticError:
    bad = _not_finite(layer.named_parameters())
    cause = f"whose {bad} has NaN" if bad else "where numbers grow too large"
    fix = "Load an earlier checkpoint" if bad else "Give rows in standard units, or model.double()"
    return ArithmeticError(
        f"Every row must have a finite z and determinant; row {row} is lost in layer {name or 'first'}, a "
        f"{type(layer).__name__}, {cause}. {fix}, or train at a lower lr."
    )


def _not_finite(parameters: Iterable[tuple[str, nn.Parameter]]) -> str | None:
    return next((name for name, parameter in parameters if not parameter.isfinite().all()), None)
