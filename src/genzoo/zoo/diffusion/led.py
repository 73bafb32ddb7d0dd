"""The recipe of a classifier of noised rows, and what makes one of a diffusion that it leads."""

from typing import Any

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.diffusion.nets import Depth, Network, Width, denoiser, kind_of, settings
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import NATS, GivenSpaceLike, Recipe, RunPath, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["led", "noisy_classifier"]


@recipe(
    family="diffusion",
    likelihood="exact",
    can=("sample", "log_prob", "loss", "condition"),
    paper="Dhariwal & Nichol, 2021, Diffusion models beat GANs on image synthesis, arXiv:2105.05233",
    columns="levels",
    loss=f"−log p(class | noised row), {NATS}",
)
def noisy_classifier(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    width: Width = None,
    depth: Depth = None,
) -> Recipe:
    """The label given a row in any amount of noise, to lead a diffusion: --x label --given image.

    Args:
        size: Small: half a U-Net of 32 and 64 channels, a perceptron of 3 × 256. Paper: 128, 256, 256; 6 × 512.
        width: Channels at the finest, or of each layer.
        depth: Residual blocks at each level, or layers.

    Raises:
        Mistake: If x is no label, or there are conditions beside the row.
    """
    from genzoo.core.given import as_given_space
    from genzoo.models.diffusion import NoisyClassifier
    from genzoo.nn import MLP, Noticing, Timed

    rows, small, classes = list(as_given_space(given_space).values()), size == "small", space.levels or 0
    if len(rows) != 1 or not classes or space.dims != 1:
        raise Mistake(
            f"noisy_classifier models a label given its row, got x of {space} and {len(rows)} conditions.",
            "Name the label as x: --x label --given image.",
        )
    row, net = rows[0], None
    if kind_of(row, "auto") == "mlp":
        hidden = [width or (256 if small else 512)] * (depth or (3 if small else 6))
        net = Timed(MLP(row.dims, hidden, classes, given=128), 128)
    else:
        base = width or (32 if small else 128)
        widths = (base, 2 * base) if small else (base, 2 * base, 2 * base)
        layers = Noticing(row.shape, classes, given=2 * base, widths=widths, blocks=depth or (1 if small else 2))
        net = Timed(layers, 2 * base)
    model = NoisyClassifier(space, given_space, net)
    config = TrainConfig(steps=4000, batch_size=64, lr=1e-3, warmup=100, weight_decay=0.05, ema=0.05)
    return Recipe(in_units(model), config)


def led(space: Space, given_space: GivenSpaceLike, network: Network, classifier: RunPath, **parts: Any) -> Recipe:
    """The recipe of a diffusion that knows no condition, led to a label by the classifier of another run.

    Rows are seen in the units of the classifier.

    Args:
        space: What it draws.
        given_space: The label.
        network: Its network.
        classifier: The run of a noisy_classifier of the same rows.
        parts: Its schedule, what it predicts and the other parts, as `Diffusion` takes them.

    Raises:
        Mistake: If the run is none of `noisy_classifier`.
    """
    import genzoo
    from genzoo.models.diffusion import ClassifiedDiffusion, Diffusion, NoisyClassifier
    from genzoo.models.standardized import Standardized, Units

    told = genzoo.load(classifier).model
    inner = told.model if isinstance(told, Standardized) else told
    if not isinstance(inner, NoisyClassifier):
        raise Mistake(f"The classifier must be a run of noisy_classifier, got {type(inner).__name__}.", "Train one.")
    units = told.conditions[0] if isinstance(told, Standardized) else None
    assert units is None or isinstance(units, Units)
    plain = Diffusion(Space(space.shape, space.levels), None, denoiser(space, None, network), **parts)
    model = ClassifiedDiffusion(given_space, plain, inner)
    return Recipe(model if units is None else Standardized(model, units=units), settings(space, network))
