"""Recipes of two stages: an autoencoder, then a model of its latents in the prior's place."""

import math
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.autoencoders import vae
from genzoo.zoo.autoregressive.symbols import DRAWN, GUESSED, gpt
from genzoo.zoo.diffusion.flows import flow_matching
from genzoo.zoo.diffusion.nets import COMPARED, SAMPLED
from genzoo.zoo.diffusion.symbols import TOLD, masked_diffusion
from genzoo.zoo.flows.maps import realnvp
from genzoo.zoo.recipe import (
    NATS,
    Amount,
    Count,
    DropGiven,
    GivenSpaceLike,
    Recipe,
    Share,
    Size,
    recipe,
    unconditional,
)
from genzoo.zoo.units import in_units

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from genzoo.core.model import GenerativeModel
    from genzoo.models.autoencoders import CodedAutoencoder, Quantizer

__all__ = ["image_gpt", "latent_diffusion", "latent_flow", "maskgit", "var", "vq_gan", "vq_vae", "vq_vae2"]

CODED = ("sample", "log_prob", "encode", "decode", "loss", "condition")
Quantization = Literal["averaged", "learned", "scalar", "signs"]


@recipe(
    family="latent",
    likelihood="bound",
    can=("sample", "log_prob", "encode", "decode", "latent", "score", "loss", "condition"),
    paper="Dai & Wipf, 2019, Diagnosing and enhancing VAE models, arXiv:1903.05789",
    sampling=("noise", "temperature"),
    loss=f"stage 1: −(bound on log p), {NATS}; stage 2: −log p of codes, nats/row",
)
def latent_flow(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    latent: Count | None = None,
    beta: Amount = 1.0,
    depth: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A variational autoencoder whose prior is then replaced by a RealNVP of its latents.

    The autoencoder is unconditional; the condition, if there is one, is the flow's.

    Args:
        size: As in `vae` and `realnvp`.
        latent: The length of z; by default as size says.
        beta: The weight of the rate in stage one.
        depth: The flow's couplings; by default as size says.
    """
    first = vae(space, None, size=size, latent=latent, beta=beta)

    def prior(latents: Space) -> Recipe:
        return realnvp(latents, given_space, size=size, net="mlp", depth=depth, drop_given=drop_given)

    return first._replace(then=lambda model: over(model, prior), sees=unconditional)


@recipe(
    family="latent",
    likelihood="bound",
    can=("sample", "log_prob", "encode", "decode", "latent", "score", "denoise", "loss", "condition"),
    paper="Rombach et al., 2022, High-resolution image synthesis with latent diffusion models, arXiv:2112.10752",
    compared=COMPARED,
    sampling=("noise", *SAMPLED),
    loss=f"stage 1: −(bound on log p), {NATS}; stage 2: squared error of the velocity, the mean over entries",
)
def latent_diffusion(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    latent: Count | None = None,
    beta: Amount = 1.0,
    width: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A variational autoencoder whose prior is then replaced by flow matching in its latents.

    The autoencoder is unconditional; the condition, if there is one, is the diffusion's, and so is guidance.

    Args:
        size: As in `vae` and `flow_matching`.
        latent: The length of z; by default as size says.
        beta: The weight of the rate in stage one.
        width: Units of the denoiser's hidden layers; by default as size says.
    """
    first = vae(space, None, size=size, latent=latent, beta=beta)

    def prior(latents: Space) -> Recipe:
        return flow_matching(latents, given_space, size=size, net="mlp", width=width, drop_given=drop_given)

    return first._replace(then=lambda model: over(model, prior), sees=unconditional)


@recipe(
    family="latent",
    likelihood="bound",
    can=("sample", "log_prob", "encode", "decode", "loss", "condition"),
    paper="van den Oord, Vinyals & Kavukcuoglu, 2017, Neural discrete representation learning, arXiv:1711.00937",
    sampling=("noise", *GUESSED),
    loss=f"stage 1: distortion + price of codes, {NATS}; stage 2: −log p of codes, bits per code",
    wants=("image",),
)
def vq_vae(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    codes: Count | None = None,
    dims: Count = 8,
    quantizer: Quantization = "averaged",
    halvings: Count | None = None,
    width: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """An autoencoder whose latent is a map of codes, and a transformer of these codes in the prior's place.

    The autoencoder is unconditional; the condition, if there is one, is the transformer's.

    Args:
        size: Small: 256 codes, 16 channels and a transformer of 4 × 128. Paper: 512 codes, 64 channels, 12 × 768.
        codes: How many codes there are, for scalar and signs about so many; by default as size says.
        dims: Numbers of a place that become a code, where there is a codebook.
        quantizer: A codebook of averages or of parameters; or, without one, places of a grid or signs.
        halvings: How often the map of codes is halved; by default until its shorter side would be less than 6.
        width: Channels at full size; by default as size says.
    """
    from genzoo.models.autoencoders import VQVAE

    both = _coded(space, size, codes, dims, quantizer, halvings=halvings, width=width)

    def prior(latents: Space) -> Recipe:
        return gpt(latents, given_space, size=size, drop_given=drop_given)

    return _staged(VQVAE(space, None, both), prior)


@recipe(
    family="latent",
    likelihood="bound",
    can=("sample", "log_prob", "encode", "decode", "loss", "condition"),
    paper="Chang, Zhang, Jiang, Liu & Freeman, 2022, MaskGIT, arXiv:2202.04200",
    sampling=("noise", *TOLD),
    loss=f"stage 1: distortion + price of codes, {NATS}; stage 2: a bound on −log p of codes, bits per code",
    wants=("image",),
)
def maskgit(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    codes: Count | None = None,
    halvings: Count | None = None,
    width: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """An autoencoder whose latent is a map of codes, and masked diffusion of these codes: many are told at a time.

    Args:
        size: Small: 256 codes, 16 channels and a transformer of 4 × 128. Paper: 512 codes, 64 channels, 12 × 768.
        codes: How many codes there are; by default as size says.
        halvings: How often the map of codes is halved; by default until its shorter side would be less than 6.
        width: Channels at full size; by default as size says.
    """
    from genzoo.models.autoencoders import VQVAE

    both = _coded(space, size, codes, 8, "averaged", halvings=halvings, width=width)

    def prior(latents: Space) -> Recipe:
        return masked_diffusion(latents, given_space, size=size, drop_given=drop_given)

    return _staged(VQVAE(space, None, both), prior)


@recipe(
    family="latent",
    likelihood="bound",
    can=("sample", "log_prob", "encode", "decode", "loss", "condition"),
    paper="Chen et al., 2020, Generative pretraining from pixels",
    sampling=("noise", *GUESSED),
    loss="stage 1: squared distance of a pixel from its color; stage 2: −log p of codes, bits per code",
    wants=("image",),
)
def image_gpt(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    colors: Count | None = None,
    width: Count | None = None,
    depth: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A transformer of pixels, each one of a palette that k-means finds: one symbol a pixel, however many colors.

    The transformer is told the row and the column. `genzoo complete` keeps the upper part of pictures.

    Args:
        size: Small: 64 colors (16 of grey) and a transformer of 4 × 128. Paper: 512 colors, 12 × 768.
        colors: How many colors the palette has; by default as size says.
        width: The length of the transformer's vectors; by default as size says.
        depth: Its blocks; by default as size says.
    """
    from genzoo.models.autoencoders import Colors
    from genzoo.models.classical import KMeans

    many = 512 if size == "paper" else 16 if space.shape[0] == 1 else 64
    palette = Colors(space, KMeans(Space((space.shape[0],)), clusters=min(colors or many, _colors_at_most(space))))

    def prior(latents: Space) -> Recipe:
        return gpt(latents, given_space, size=size, width=width, depth=depth, drop_given=drop_given)

    first = Recipe(palette, TrainConfig(batch_size=256), share=0.1)
    return first._replace(then=lambda model: over(model, prior), sees=unconditional)


def _colors_at_most(space: Space) -> int:
    """The colors that images could have."""
    return int((space.levels or 1) ** space.shape[0])


@recipe(
    family="latent",
    likelihood="bound",
    can=CODED,
    paper="Esser, Rombach & Ommer, 2021, Taming transformers for high-resolution image synthesis, arXiv:2012.09841",
    sampling=("noise", *GUESSED),
    loss="stage 1: distortion + price of codes + what a critic sees; stage 2: −log p of codes, bits per code",
    wants=("image",),
)
def vq_gan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    codes: Count | None = None,
    dims: Count = 8,
    quantizer: Quantization = "averaged",
    halvings: Count | None = None,
    width: Count | None = None,
    weight: Amount = 0.5,
    feature_weight: Amount = 1.0,
    begins: Share = 0.2,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A `vq_vae` whose decoder also plays against a critic of patches, and matches what its layers see of the data.

    Args:
        size: As in `vq_vae`.
        codes: How many codes there are; by default as size says.
        dims: Numbers of a place that become a code, where there is a codebook.
        quantizer: As in `vq_vae`.
        halvings: How often the map of codes is halved; by default until its shorter side would be less than 6.
        width: Channels at full size; by default as size says.
        weight: How much game and features count, the likelihood counting 1, by the sizes of their gradients.
        feature_weight: How much the critic's layers count beside its verdict.
        begins: The share of the training after which they count.
    """
    from genzoo.models.adversarial import Hinge
    from genzoo.models.autoencoders import VQVAE, Adversary
    from genzoo.nn import PatchCritic

    both = _coded(space, size, codes, dims, quantizer, halvings=halvings, width=width)
    critic = PatchCritic(space.shape[0], (space.shape[1], space.shape[2]), width=16 if size == "small" else 64)
    adversary = Adversary(critic, Hinge(), weight=weight, features=feature_weight, begins=begins)

    def prior(latents: Space) -> Recipe:
        return gpt(latents, given_space, size=size, drop_given=drop_given)

    return _staged(VQVAE(space, None, both, adversary=adversary), prior, keep="last")


@recipe(
    family="latent",
    likelihood="bound",
    can=CODED,
    paper="Razavi, van den Oord & Vinyals, 2019, Generating diverse images with VQ-VAE-2, arXiv:1906.00446",
    sampling=("noise", *GUESSED),
    loss=f"stage 1: distortion + price of codes, {NATS}; stage 2: −log p of codes, bits per code",
    wants=("image",),
)
def vq_vae2(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    levels: Annotated[int, Field(ge=2, le=6)] = 2,
    codes: Count | None = None,
    dims: Count = 8,
    quantizer: Quantization = "averaged",
    halvings: Count | None = None,
    width: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """An autoencoder with maps of codes at several levels, and transformers of each map given the coarser ones.

    Every transformer attends to all codes of the coarser maps and to the condition.

    Args:
        size: As in `vq_vae`.
        levels: How many maps there are.
        codes: How many codes each has; by default as size says.
        dims: Numbers of a place that become a code, where there is a codebook.
        quantizer: As in `vq_vae`.
        halvings: How often the finest map is halved; by default until its shorter side would be less than 6.
        width: Channels at full size; by default as size says.
    """
    from genzoo.models.autoencoders import VQVAE, CodePyramid

    small = size == "small"
    quantizers = [_quantizer(quantizer, codes or (256 if small else 512), dims) for _ in range(levels)]
    both = CodePyramid(
        space, quantizers, width=width or (16 if small else 64), halvings=halvings or _halvings(space), blocks=1
    )
    counts = [places.stop - places.start for places in both.levels().values()][::-1]

    def prior(latents: Space) -> Recipe:
        return _level_by_level(latents, counts, given_space, size=size, drop_given=drop_given)

    return _staged(VQVAE(space, None, both), prior)


@recipe(
    family="latent",
    likelihood="bound",
    can=CODED,
    paper="Tian et al., 2024, Visual autoregressive modeling: scalable image generation via next-scale prediction, "
    "arXiv:2404.02905",
    sampling=("noise", *DRAWN),
    loss=f"stage 1: distortion + price of codes, {NATS}; stage 2: −log p of codes, bits per code",
    wants=("image",),
)
def var(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    codes: Count | None = None,
    dims: Count = 8,
    halvings: Count | None = None,
    width: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """An autoencoder with codes at several scales of one map, and a transformer that says a whole scale at a time.

    Args:
        size: As in `vq_vae`.
        codes: How many codes each scale has; by default as size says.
        dims: Numbers of a place that become a code.
        halvings: How often the finest map is halved; by default until its shorter side would be less than 6.
        width: Channels at full size; by default as size says.
    """
    from genzoo.models.autoencoders import VQVAE, CodeScales, scales_of
    from genzoo.models.autoregressive import VAR

    small, halved = size == "small", halvings or _halvings(space)
    maps = scales_of(space, halved)
    quantizers = [_quantizer("averaged", codes or (256 if small else 512), dims) for _ in maps]
    both = CodeScales(space, quantizers, width=width or (16 if small else 64), halvings=halved, blocks=1)

    def prior(latents: Space) -> Recipe:
        built = gpt(latents, given_space, size=size, drop_given=drop_given)
        sizes = {"width": 128, "depth": 4, "heads": 4} if small else {"width": 768, "depth": 12, "heads": 12}
        return built._replace(model=VAR(latents, given_space, maps=maps, drop_given=drop_given, **sizes))

    return _staged(VQVAE(space, None, both), prior)


def _level_by_level(
    latents: Space, counts: "Sequence[int]", given_space: GivenSpaceLike, *, size: Size, drop_given: float
) -> Recipe:
    """Transformers of parts of a sequence, each given those before it."""
    from genzoo.core.given import as_given_space
    from genzoo.models.joint import Joint

    part, told = Space((counts[0],), levels=latents.levels), as_given_space(given_space)
    built = gpt(part, given_space, size=size, drop_given=drop_given)
    whole = cast("GenerativeModel", built.model)
    for count in counts[1:]:
        below = gpt(
            Space((count,), levels=latents.levels), {"a": whole.space, **told}, size=size, drop_given=drop_given
        )
        both = Space((whole.space.dims + count,), levels=latents.levels)
        whole = Joint(both, whole, cast("GenerativeModel", below.model), range(whole.space.dims))
    return built._replace(model=whole)


def _coded(
    space: Space,
    size: Size,
    codes: int | None,
    dims: int,
    quantizer: str,
    *,
    halvings: int | None,
    width: int | None,
) -> "CodedAutoencoder":
    """An autoencoder of one map of codes."""
    from genzoo.models.autoencoders import CodedAutoencoder

    small = size == "small"
    return CodedAutoencoder.conv(
        space,
        _quantizer(quantizer, codes or (256 if small else 512), dims),
        width=width or (16 if small else 64),
        halvings=halvings or _halvings(space),
        blocks=1 if small else 2,
    )


def _halvings(space: Space) -> int:
    return max(1, int(math.log2(min(space.shape[1:]) / 6)))


def _staged(
    model: "GenerativeModel", prior: "Callable[[Space], Recipe]", keep: Literal["best", "last"] = "best"
) -> Recipe:
    """An autoencoder of codes with its training, and a prior over them afterwards."""
    config = TrainConfig(
        steps=3000, batch_size=64, lr=2e-3, warmup=100, precision="auto", clip_norm=100.0, ema=0.05, keep=keep
    )
    first = Recipe(in_units(model), config)
    return first._replace(then=lambda trained: over(trained, prior), sees=unconditional)


def _quantizer(name: str, codes: int, dims: int) -> "Quantizer":
    from genzoo.models.autoencoders import Codebook, LookupFree, ScalarGrid

    match name:
        case "scalar":
            return ScalarGrid(_grid(codes))
        case "signs":
            return LookupFree(max(1, round(math.log2(codes))))
        case _:
            return Codebook(codes, dims, averaged=name == "averaged")


def _grid(codes: int) -> list[int]:
    """Places of each of some numbers, about as many codes as asked for, as the paper chooses them.

    Example:
        >>> _grid(256), _grid(1000)
        ([8, 6, 5], [8, 5, 5, 5])
    """
    known = ([4, 2], [4, 4], [8, 8], [8, 6, 5], [8, 8, 8], [8, 5, 5, 5], [7, 5, 5, 5, 5])
    return min(known, key=lambda places: abs(math.log(math.prod(places) / codes)))


def over(model: "GenerativeModel", prior: "Callable[[Space], Recipe]") -> Recipe:
    """The second stage over a trained autoencoder: a latent model, in standard units if the first was.

    Args:
        model: A VAE or a VQVAE, or one in standard units.
        prior: Makes the recipe of a prior over the latents.
    """
    from genzoo.models.autoencoders import VAE, VQVAE, Colors
    from genzoo.models.latent import LatentModel
    from genzoo.models.standardized import Standardized

    inner = model.model if isinstance(model, Standardized) else model
    if not isinstance(inner, VAE | VQVAE | Colors):
        raise TypeError(f"Stage one must be a VAE, a VQVAE or a palette, got {type(inner).__name__}.")
    built = prior(inner.autoencoder.latent)
    latent = LatentModel(inner.space, inner.autoencoder, cast("GenerativeModel", built.model))
    return Recipe(Standardized(latent) if isinstance(model, Standardized) else latent, built.config)
