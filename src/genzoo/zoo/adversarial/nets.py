"""The networks of adversarial recipes: generators, critics and encoders of perceptrons or of convolutions."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import Field

from genzoo.core.space import Space
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Count, GivenSpaceLike, Share, Size

if TYPE_CHECKING:
    from genzoo.nn import Fourier, Steps

__all__ = [
    "FEW",
    "GAMES",
    "AugmentTo",
    "Depth",
    "GanSize",
    "Hidden",
    "Latent",
    "LatentOctaves",
    "Net",
    "Networks",
    "Shape",
    "Width",
    "augment_to",
    "encoder",
    "half",
    "leaky",
    "networks",
    "normed",
    "pair_critic",
    "shape_of",
    "trunk",
    "waves",
]

Net = Literal["auto", "mlp", "conv"]
GanSize = Annotated[
    Size, Field(description="Small: 32 latents (8 for tables), 16 channels. Paper: 128 latents, 64 channels.")
]
Networks = Annotated[
    Net, Field(description="Convolutions or multilayer perceptrons; auto: convolutions from 16×16 pixels on.")
]
Latent = Annotated[Count | None, Field(description="The length of z; by default as size says.")]
Hidden = Annotated[
    Count, Field(description="The width of the perceptrons' hidden layers, and of the convolutions' one.")
]
Depth = Annotated[Count | None, Field(description="Their number; by default 2 for small, 3 for paper.")]
Width = Annotated[
    Count | None,
    Field(description="Channels of the convolutions at half size, doubled at each halving; by default as size says."),
]
LatentOctaves = Annotated[
    int,
    Field(
        ge=0,
        description="Of perceptrons: waves of each entry of z that the generator sees, and that become steps along "
        "the training, so that it jumps between modes far apart. 0: none.",
    ),
]
GAMES = {
    name: f"a game of two, of what is said of data, r, and of samples, f: the critic lowers {critic}, the "
    f"generator {generator}"
    for name, critic, generator in (
        ("nonsaturating", "−log σ(r) − log σ(−f)", "−log σ(f)"),
        ("least_squares", "(r − 1)²/2 + f²/2", "(f − 1)²/2"),
        ("hinge", "max(0, 1 − r) + max(0, 1 + f)", "−f"),
        ("wasserstein", "f − r, the distance's negative", "−f"),
        ("relativistic", "−log σ(r − f)", "−log σ(f − r)"),
    )
}  # what a game's players lower, in words
AugmentTo = Annotated[
    Share,
    Field(
        description="Of images: what the critic sees is changed at random, so much that the mean sign of what it says "
        "of data stays at this; published 0.6. 0: nothing is changed."
    ),
]
ACROSS = 32  # the length of a condition's embedding
FEW = 16  # entries up to which a row is no picture, and of which the critic sees waves


class Shape(NamedTuple):
    """How large networks are.

    Attributes:
        latent: The length of z.
        hidden: The widths of a perceptron's hidden layers.
        channels: Channels of convolutions at full size; 0 for perceptrons.
        across: The length of the condition's embedding; 0 for none.
    """

    latent: int
    hidden: list[int]
    channels: int
    across: int


def shape_of(
    space: Space,
    given_space: GivenSpaceLike,
    size: Size,
    *,
    net: Net = "auto",
    latent: int | None = None,
    hidden: int = 256,
    depth: int | None = None,
    width: int | None = None,
) -> Shape:
    """How large the networks for a space are: what is set, and by default what size says.

    Args:
        space: What one x is.
        given_space: The condition.
        size: Small: 32 latents (8 for rows of few entries), two layers, 16 channels. Paper: 128, three, 64.
        net: Convolutions or perceptrons; auto: convolutions from 16×16 pixels on.
        latent: The length of z.
        hidden: The width of hidden layers.
        depth: Their number.
        width: Channels.
    """
    small = size == "small"
    latent = latent or (128 if not small else 32 if space.dims > FEW else 8)
    images = len(space.shape) == 3 and min(space.shape[1:]) >= 16
    channels = (width or (16 if small else 64)) if net == "conv" or (net == "auto" and images) else 0
    return Shape(latent, [hidden] * (depth or (2 if small else 3)), channels, 0 if given_space is None else ACROSS)


def networks(
    space: Space, given_space: GivenSpaceLike, shape: Shape, *, pack: int = 1, **parts: Any
) -> tuple[Any, Any]:
    """A generator and a critic.

    Args:
        space: What one x is.
        given_space: The condition.
        shape: Their sizes.
        pack: Rows that the critic judges together.
        parts: The activation, as perceptrons or convolutions take it.
    """
    from torch import nn

    from genzoo.nn import MLP, Conditioned, Projected, StridedDecoder

    latent, hidden, channels, across = shape
    if not channels:
        made = MLP(latent, hidden, space.dims, given=across, **parts)
        critic = trunk(space, shape, 1, pack=pack, **parts)
        return Conditioned(made, given_space, across), Conditioned(critic, given_space, across)
    sizes: Any = {"width": channels, "hidden": hidden[-1], "given": across, "norm": nn.BatchNorm2d}
    generator = Conditioned(StridedDecoder(latent, space.shape, **sizes, **parts), given_space, across)
    if not across:
        return generator, Conditioned(trunk(space, shape, 1, pack=pack, **parts))
    features = trunk(space, shape._replace(across=0), hidden[-1], **parts)
    return generator, Projected(nn.Sequential(features, features.activation), hidden[-1], given_space)


def trunk(space: Space, shape: Shape, outputs: int, *, pack: int = 1, **parts: Any) -> Any:
    """A network from x to a vector.

    Args:
        space: What one x is.
        shape: Its sizes.
        outputs: The length of the vector.
        pack: Rows that come side by side.
        parts: The activation.
    """
    from genzoo.nn import MLP, StridedEncoder

    if shape.channels:
        packed, sizes = (pack * space.shape[0], *space.shape[1:]), {"width": shape.channels, "given": shape.across}
        hidden = shape.hidden[-1] if outputs == 1 else 0  # a vector is a layer itself
        return StridedEncoder(packed, outputs, hidden=hidden, **sizes, **parts)
    return MLP(pack * space.dims, shape.hidden, outputs, given=shape.across, **parts)


def encoder(space: Space, given_space: GivenSpaceLike, shape: Shape, outputs: int) -> Any:
    """A network from x and its condition to a vector.

    Args:
        space: What one x is.
        given_space: The condition.
        shape: Its sizes.
        outputs: The length of the vector.
    """
    from genzoo.nn import Conditioned

    return Conditioned(trunk(space, shape, outputs), given_space, shape.across)


def pair_critic(space: Space, given_space: GivenSpaceLike, shape: Shape) -> Any:
    """A critic of pairs (x, z) in one row.

    Args:
        space: What one x is.
        given_space: The condition.
        shape: Its sizes.
    """
    from genzoo.nn import MLP, Conditioned, Joined

    latent, hidden, channels, across = shape
    features = hidden[-1] if channels else space.dims
    judge: Any = MLP(features + latent, hidden, 1, given=across)
    if channels:
        judge = Joined(trunk(space, shape, features), judge, space.shape)
    return Conditioned(judge, given_space, across)


def augment_to(target: float, space: Space) -> Any:
    """How what a critic sees is changed, if it is.

    Args:
        target: What the critic's knowledge of the data is held at; 0 for no change.
        space: What one x is.

    Raises:
        Mistake: If something is to be changed that is no image.
    """
    from genzoo.models.adversarial import Augment

    if not target:
        return None
    if len(space.shape) != 3:
        raise Mistake(f"Images can be augmented, got {space}.", "Leave augment out.")
    return Augment(target)


def waves(
    kind: type["Fourier"] | type["Steps"],
    inputs: int,
    given_space: GivenSpaceLike,
    shape: Shape,
    outputs: int,
    octaves: int,
    **parts: Any,
) -> Any:
    """A perceptron that sees waves of few numbers.

    Args:
        kind: `Fourier`, for rows of data; or `Steps`, for a latent.
        inputs: How many.
        given_space: The condition.
        shape: Its sizes.
        outputs: The length of what it makes.
        octaves: The number of waves of each entry, an octave apart.
        parts: The activation.

    Raises:
        Mistake: If the networks are convolutions.
    """
    from genzoo.nn import MLP, Conditioned

    if shape.channels:
        raise Mistake("Perceptrons see waves, got convolutions.", "Set net=mlp, or leave octaves out.")
    net = MLP(kind.width(inputs, octaves), shape.hidden, outputs, given=shape.across, **parts)
    return Conditioned(kind(net, octaves), given_space, shape.across)


def half(shape: Shape) -> Literal["auto", "float32"]:
    """The precision that networks are trained in: half, where the processor is quick in it, of convolutions.

    Args:
        shape: Their sizes.
    """
    return "auto" if shape.channels else "float32"


def leaky(shape: Shape) -> dict[str, Any]:
    """The leaky rectifier, as networks of a shape take it.

    Args:
        shape: The sizes.
    """
    from torch import nn

    make: Callable[[], Any] = lambda: nn.LeakyReLU(0.2)  # noqa: E731
    return {"activation": make() if shape.channels else make}


def normed(space: Space, given_space: GivenSpaceLike, shape: Shape) -> tuple[Any, Any]:
    """DCGAN's networks: batch normalization in both, ReLU in the generator, leaky ReLU in the critic, which projects
    on a condition.

    Args:
        space: What one x is.
        given_space: The condition.
        shape: Their sizes.
    """
    from torch import nn

    from genzoo.nn import Conditioned, Projected, StridedDecoder, StridedEncoder

    latent, hidden, width, across = shape
    sizes: Any = {"width": width, "norm": nn.BatchNorm2d}
    generator = StridedDecoder(latent, space.shape, activation=nn.ReLU(), given=across, **sizes)
    features = StridedEncoder(space.shape, hidden[-1], activation=nn.LeakyReLU(0.2), **sizes)
    critic = Projected(nn.Sequential(features, features.activation), hidden[-1], given_space)
    for layer in [*generator.modules(), *critic.modules()]:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Embedding):
            layer.weight.data.mul_(0.02 / layer.weight.std())
    return Conditioned(generator, given_space, across), critic
