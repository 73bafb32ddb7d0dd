"""Recipes of diffusion models."""

from typing import Annotated, Any, Literal

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.recipe import Count, DropGiven, GivenSpaceLike, Recipe, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["ddpm", "flow_matching"]

ABLE = ("sample", "log_prob", "encode", "decode", "latent", "score", "denoise", "loss", "condition")
COMPARED = {"calls": 50}  # of the network, at most, for a sample
Net = Annotated[
    Literal["auto", "mlp", "unet"],
    Field(description="A U-Net or a multilayer perceptron; auto: a U-Net for images from 8×8 on."),
]
Width = Annotated[
    Count | None,
    Field(description="Channels of the U-Net at its finest, or of each hidden layer; by default as size says."),
]
Depth = Annotated[
    Count | None,
    Field(description="Residual blocks at each level of the U-Net, or hidden layers; by default as size says."),
]
DenoiserSize = Annotated[
    Size,
    Field(
        description="Small: a U-Net of 48 and 96 channels, or a perceptron of 4 × 256. Paper: 128, 256, 256, 6 × 512."
    ),
]
How = Annotated[
    Literal[
        "ancestral", "ddim", "euler", "heun", "multistep", "ipndm", "dpm2", "dpm3", "dpm_sde", "unipc", "deis",
        "predictor_corrector", "churn", "adaptive",
    ],
    Field(description="How samples are drawn if nothing else is asked for."),
]  # fmt: skip
SAMPLED = ("steps", "calls", "sampler", "grid", "guidance")


@recipe(
    family="diffusion",
    likelihood="bound",
    can=ABLE,
    compared=COMPARED,
    paper="Ho, Jain & Abbeel, 2020, Denoising diffusion probabilistic models, arXiv:2006.11239",
    sampling=SAMPLED,
    loss="squared error of what is predicted (noise by default), the mean over entries",
)
def ddpm(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: DenoiserSize = "small",
    net: Net = "auto",
    width: Width = None,
    depth: Depth = None,
    schedule: Literal["cosine", "linear"] = "cosine",
    predicts: Literal["noise", "data", "velocity", "v", "preconditioned"] = "noise",
    sampler: How = "ancestral",
    sampling_steps: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A denoising diffusion: the network predicts the noise, and samples are drawn step by step.

    Args:
        schedule: The amounts of signal and noise: a quarter circle, or DDPM's linear rate.
        predicts: What the network predicts.
        sampling_steps: In how many steps; by default 100, or 1000 for paper size.
    """
    from genzoo.models.diffusion import Cosine, Diffusion, Linear, Predicts
    from genzoo.models.diffusion.samplers import sampler_named

    steps = sampling_steps or (100 if size == "small" else 1000)
    model = Diffusion(
        Space(space.shape, space.levels),
        given_space,
        _network(space, given_space, _with_unet(space, net), (width, depth), size),
        schedule=Cosine() if schedule == "cosine" else Linear(),
        predicts=Predicts(predicts),
        sampler=sampler_named(sampler, steps),
        drop_given=drop_given,
    )
    return _trained_well(model, space, _with_unet(space, net), size)


@recipe(
    family="diffusion",
    likelihood="bound",
    can=ABLE,
    compared=COMPARED,
    paper="Lipman et al., 2023, Flow matching for generative modeling, arXiv:2210.02747",
    sampling=SAMPLED,
    loss="squared error of the velocity, the mean over entries",
)
def flow_matching(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: DenoiserSize = "small",
    net: Net = "auto",
    width: Width = None,
    depth: Depth = None,
    times: Literal["logit_normal", "uniform"] = "logit_normal",
    sampler: How = "heun",
    sampling_steps: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Flow matching on straight lines from data to noise: the network predicts the velocity.

    Args:
        times: At which times training looks: most in the middle, or at all alike.
        sampling_steps: In how many steps; by default 25, or 50 for paper size.
    """
    from genzoo.models.diffusion import Diffusion, Emphasis, LogitNormal, Predicts, Straight, Uniform
    from genzoo.models.diffusion.samplers import sampler_named

    steps = sampling_steps or (25 if size == "small" else 50)
    model = Diffusion(
        Space(space.shape, space.levels),
        given_space,
        _network(space, given_space, _with_unet(space, net), (width, depth), size),
        schedule=Straight(),
        predicts=Predicts.VELOCITY,
        emphasis=Emphasis(LogitNormal() if times == "logit_normal" else Uniform()),
        sampler=sampler_named(sampler, steps),
        drop_given=drop_given,
    )
    return _trained_well(model, space, _with_unet(space, net), size)


def _with_unet(space: Space, net: Net) -> bool:
    return net == "unet" or (net == "auto" and len(space.shape) == 3 and min(space.shape[1:]) >= 8)


def _network(
    space: Space, given_space: GivenSpaceLike, unet: bool, sizes: tuple[int | None, int | None], size: Size
) -> Any:
    """A U-Net or a perceptron that sees the time and the condition."""
    from genzoo.core.given import as_given_space
    from genzoo.nn import MLP, Timed, UNet, is_sequence

    small, (width, depth) = size == "small", sizes
    if unet:
        base = width or (48 if small else 128)
        widths = (base, 2 * base) if small else (base, 2 * base, 2 * base)
        patch = 2 if small and min(space.shape[1:]) >= 16 else 1
        attends = any(is_sequence(part) for part in as_given_space(given_space).values())
        tokens = 2 * base if attends else 0
        made: Any = UNet(space.shape, given=2 * base, tokens=tokens, widths=widths, blocks=depth or 2, patch=patch)
        return Timed(made, 2 * base, given_space, attends=attends)
    hidden = [width or (256 if small else 512)] * (depth or (4 if small else 6))
    return Timed(MLP(space.dims, hidden, space.dims, given=128), 128, given_space)


def _trained_well(model: Any, space: Space, unet: bool, size: Size) -> Recipe:
    """The recipe of a model: reals in standard units, images in smaller batches."""

    config = TrainConfig(
        steps=5000,
        batch_size=64 if unet else 256,
        lr=(1.5e-3 if unet else 2e-3) if size == "small" else 2e-4,
        warmup=100,
        clip_norm=1.0 if unet else None,
        precision="auto" if unet else "float32",
        ema=0.05,
    )
    return Recipe(in_units(model), config)
