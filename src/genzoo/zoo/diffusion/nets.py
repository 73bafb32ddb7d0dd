"""What recipes of diffusions share: their networks, how they are trained, and how they draw."""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Count, GivenSpaceLike, Recipe, Size
from genzoo.zoo.units import in_units

__all__ = [
    "ABLE", "COMPARED", "SAMPLED", "DenoiserSize", "Depth", "How", "Net", "Network", "Width", "assembled", "denoiser",
    "kind_of", "settings",
]  # fmt: skip

ABLE = ("sample", "log_prob", "encode", "decode", "latent", "score", "denoise", "loss", "condition")
COMPARED = {"calls": 50}  # of the network, at most, for a sample
PLACES, OCTAVES = 6, 4  # numbers of a step that may be a place, and the waves that are shown of it
SAMPLED = ("steps", "calls", "sampler", "grid", "guidance", "guide", "guided_from", "guided_to", "against")
Net = Annotated[
    Literal["auto", "mlp", "unet", "dit", "mmdit", "uvit", "line"],
    Field(
        description="A perceptron, a U-Net, a transformer of patches, one in which a condition has weights of its own "
        "(mmdit), one with the skips of a U-Net, or a U-Net along a line, for sounds and series; auto: a U-Net for "
        "images and clips from 8×8 on, else a perceptron."
    ),
]
Width = Annotated[
    Count | None,
    Field(description="Channels of the U-Net at its finest, or of each layer or place; by default as size says."),
]
Depth = Annotated[
    Count | None,
    Field(description="Residual blocks at each level of the U-Net, layers or blocks; by default as size says."),
]
DenoiserSize = Annotated[
    Size,
    Field(
        description="Small: a U-Net of 32 and 64 channels, a perceptron of 4 × 256, a transformer of 4 × 128. "
        "Paper: 128, 256, 256; 6 × 512; 12 × 384."
    ),
]
How = Annotated[
    Literal[
        "ancestral", "ddim", "euler", "heun", "multistep", "ipndm", "dpm2", "dpm3", "dpm_sde", "unipc", "deis",
        "predictor_corrector", "churn", "adaptive",
    ],
    Field(description="How samples are drawn if nothing else is asked for."),
]  # fmt: skip


class Network(NamedTuple):
    """Which network denoises.

    Attributes:
        net: Its kind.
        width: Its width; None for what suits its size.
        depth: Its depth, likewise.
        size: Small or paper.
        reads: Whether a U-Net is shown what a transformer makes of the condition, instead of its bare tokens.
    """

    net: Net
    width: Width
    depth: Depth
    size: Size
    reads: bool = False


def assembled(space: Space, given_space: GivenSpaceLike, network: Network, **parts: Any) -> Recipe:
    """The recipe of a diffusion of some parts, reals in standard units.

    Args:
        space: What it draws.
        given_space: The condition.
        network: Its network.
        parts: Its schedule, what it predicts and the other parts, as `Diffusion` takes them.
    """
    from genzoo.models.diffusion import Diffusion

    model = Diffusion(Space(space.shape, space.levels), given_space, denoiser(space, given_space, network), **parts)
    return Recipe(in_units(model), settings(space, network))


def settings(space: Space, network: Network) -> TrainConfig:
    """How a denoiser is trained well: images in small batches, of which a short run sees more.

    Args:
        space: What it denoises.
        network: Which.
    """
    of_images, small = kind_of(space, network.net) != "mlp", network.size == "small"
    return TrainConfig(
        steps=20_000 if of_images and small else 5000,
        batch_size=256 if not of_images else 16 if small else 64,
        lr=(1.5e-3 if of_images else 2e-3) if small else 2e-4,
        warmup=100,
        clip_norm=1.0 if of_images else None,
        precision="auto" if of_images else "float32",
        ema=0.05,
    )


def denoiser(space: Space, given_space: GivenSpaceLike, network: Network, *, spans: bool = False) -> Any:
    """A network that sees the time and the condition.

    Args:
        space: What it denoises.
        given_space: The condition.
        network: Which.
        spans: Whether it sees a second time, up to which it speaks.
    """
    from genzoo.core.given import as_given_space
    from genzoo.nn import MLP, DiT, LineUNet, Timed, UNet, UViT, is_sequence

    _, width, depth, size, reads = network
    small, kind = size == "small", kind_of(space, network.net)
    attends = any(is_sequence(part) for part in as_given_space(given_space).values())
    layers: Any
    parts: dict[str, Any]
    if kind == "mlp":
        hidden = [width or (256 if small else 512)] * (depth or (4 if small else 6))
        return Timed(MLP(space.dims, hidden, space.dims, given=128), 128, given_space, spans=spans)
    if kind in ("dit", "uvit"):
        width = width or (128 if small else 384)
        sides = space.shape[-2:] if len(space.shape) > 2 else space.shape[:1]
        patch = max(2, min(sides) // (7 if len(space.shape) > 2 else 64) if small else 2)
        blocks = depth or ((4 if small else 12) + (kind == "uvit"))
        parts = {"depth": blocks, "heads": max(1, width // 64), "patch": patch}
        made = DiT if kind == "dit" else UViT
        layers = made(space.shape, given=width, tokens=width if attends else 0, width=width, **parts)
        return Timed(layers, width, given_space, attends=attends, spans=spans)
    if kind == "mmdit":
        return _two_streams(space, given_space, network, spans=spans)
    base = width or (32 if small else 128)
    if kind == "line":
        patch, blocks = max(1, space.shape[0] // 1024), depth or (1 if small else 2)
        places = space.levels is None and len(space.shape) == 2 and space.shape[1] <= PLACES
        parts = {"blocks": blocks, "patch": patch, "octaves": OCTAVES if places else 0}
        layers = LineUNet(space.shape, given=4 * base, widths=(base, 2 * base, 4 * base), **parts)
        return Timed(layers, 4 * base, given_space, spans=spans)
    widths = (base, 2 * base) if small else (base, 2 * base, 2 * base)
    patch = 2 if small and min(space.shape[-2:]) >= 16 else 1
    wide = (4 if reads else 2) * base
    parts = {"tokens": wide if attends else 0, "widths": widths, "blocks": depth or 2, "patch": patch}
    return Timed(UNet(space.shape, given=wide, **parts), wide, given_space, attends=attends, reads=reads, spans=spans)


def _two_streams(space: Space, given_space: GivenSpaceLike, network: Network, *, spans: bool) -> Any:
    """A transformer in which a condition's tokens have weights of their own."""
    from genzoo.nn import Conditioning, MMDiT, Timed

    if not given_space:
        raise Mistake(
            "A transformer of two streams needs a condition, got none.", "Name one with --given, or take dit."
        )
    small, width, depth = network.size == "small", network.width, network.depth
    width, patch = width or (128 if small else 384), max(2, min(space.shape[-2:]) // 8) if small else 2
    parts = {"depth": depth or (6 if small else 12), "heads": max(1, width // 32), "patch": patch}
    count = sum(Conditioning(given_space, 1).counts)
    net = MMDiT(space.shape, given=width, tokens=width, count=count, width=width, **parts)
    return Timed(net, width, given_space, attends=True, spans=spans)


def kind_of(space: Space, net: Net) -> str:
    """The network that is made."""
    is_image = len(space.shape) in (3, 4) and min(space.shape[-2:]) >= 8  # or a clip of them
    return net if net != "auto" else "unet" if is_image else "mlp"
