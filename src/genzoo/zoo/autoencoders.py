"""Recipes of autoencoders."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import NATS, Amount, Count, DropGiven, GivenSpaceLike, Recipe, Size, recipe
from genzoo.zoo.units import in_units

if TYPE_CHECKING:
    from genzoo.core.component import Autoencoder
    from genzoo.models.autoencoders import VAE

__all__ = ["beta_vae", "cvae", "ladder_vae", "vae"]

ABLE = ("sample", "log_prob", "encode", "decode", "latent", "score", "loss", "condition")
CONTEXT = 64  # numbers of a row that flows of its posterior are told
VaeSize = Annotated[
    Size,
    Field(description="Small: 16 latents (4 for tables), 16 channels. Paper: 32 latents, 64 channels."),
]
Net = Annotated[
    Literal["auto", "mlp", "conv"],
    Field(description="Convolutions or a multilayer perceptron; auto: convolutions from 16×16 pixels on."),
]
Latent = Annotated[Count | None, Field(description="The length of z; by default as size says.")]
Hidden = Annotated[Count, Field(description="The width of a perceptron's hidden layers.")]
Depth = Annotated[Count, Field(description="Their number.")]
Width = Annotated[
    Count | None,
    Field(description="Channels of the first convolution; by default as size says."),
]
WarmUp = Annotated[float, Field(ge=0, le=1, description="The share of the training in which the rate's weight rises.")]


@recipe(
    family="autoencoders",
    likelihood="bound",
    can=ABLE,
    paper="Kingma & Welling, 2014, Auto-encoding variational Bayes, arXiv:1312.6114",
    sampling=("noise",),
)
def vae(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: VaeSize = "small",
    net: Net = "auto",
    latent: Latent = None,
    hidden: Hidden = 256,
    depth: Depth = 2,
    width: Width = None,
    posterior: Literal["normal", "planar", "radial", "iaf"] = "normal",
    flows: Count | None = None,
    prior: Literal["normal", "mixture", "vamp"] = "normal",
    components: Count = 50,
    samples: Count = 1,
    beta: Amount = 1.0,
    free: Amount = 0.0,
    beta_warmup: WarmUp = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A variational autoencoder: a Gaussian latent, and a decoder whose distribution suits the data.

    Bytes get a discretized logistic, two levels a Bernoulli, real numbers a Gaussian in standard units.

    Args:
        posterior: A Gaussian for each row, or one pushed through planar, radial or inverse autoregressive flows.
        flows: How many of them, one after another; by default 2 autoregressive ones, 16 of the others.
        prior: N(0, I), a mixture of Gaussians that is learned, or the posteriors of made-up rows that are.
        components: Of a prior that is a mixture.
        samples: Draws of z for each row in training; several raise the importance-weighted bound.
        beta: The weight of the rate in the loss; log_prob is the ELBO whatever it is.
        free: Nats of the rate, of each latent, that cost nothing, against latents that say nothing.

    Raises:
        Mistake: If the prior is of made-up rows and the posterior no Gaussian.
    """
    from genzoo.models.autoencoders import VAE, MixturePrior, Rate, VampPrior

    if posterior != "normal" and prior == "vamp":
        raise Mistake(
            f"A prior of made-up rows needs Gaussian posteriors, got posterior={posterior}.",
            "Set prior=mixture, or posterior=normal.",
        )
    nets = Nets(net, latent, hidden, depth, width, posterior, flows)
    both, conv = _networks(space, given_space, size, nets)
    priors = {
        "normal": lambda: None,
        "mixture": lambda: MixturePrior(both.latent, components),
        "vamp": lambda: VampPrior(space, components),
    }
    rate = Rate(beta, free=free, warm_up=beta_warmup)
    model = VAE(space, given_space, both, prior=priors[prior](), rate=rate, samples=samples, drop_given=drop_given)
    return _whole(model, size, conv=conv)


@recipe(
    family="autoencoders",
    likelihood="bound",
    can=ABLE,
    paper="Higgins et al., 2017, beta-VAE; Chen, Li, Grosse & Duvenaud, 2018, arXiv:1802.04942 (of correlation)",
    sampling=("noise",),
    loss=f"distortion + 4 × rate by default, {NATS}",
)
def beta_vae(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: VaeSize = "small",
    net: Net = "auto",
    latent: Latent = None,
    hidden: Hidden = 256,
    depth: Depth = 2,
    width: Width = None,
    beta: Amount = 4.0,
    of: Literal["rate", "correlation"] = "rate",
    beta_warmup: WarmUp = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A variational autoencoder whose latents are pressed to be independent, so that each may say one thing.

    Args:
        beta: The weight of what is pressed; 1 is a plain `vae`.
        of: The whole rate, or its part that says how far the latents are from independent (β-TCVAE).
    """
    from genzoo.models.autoencoders import VAE, Rate

    both, conv = _networks(space, given_space, size, Nets(net, latent, hidden, depth, width))
    rate = Rate(beta, warm_up=beta_warmup) if of == "rate" else Rate(correlation=beta, warm_up=beta_warmup)
    return _whole(VAE(space, given_space, both, rate=rate, drop_given=drop_given), size, conv=conv)


@recipe(
    family="autoencoders",
    likelihood="bound",
    can=ABLE,
    paper="Sohn, Lee & Yan, 2015, Learning structured output representation using deep conditional generative models",
    sampling=("noise",),
    wants=("condition",),
)
def cvae(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: VaeSize = "small",
    net: Net = "auto",
    latent: Latent = None,
    hidden: Hidden = 256,
    depth: Depth = 2,
    width: Width = None,
    beta: Amount = 1.0,
    free: Amount = 0.0,
    beta_warmup: WarmUp = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A variational autoencoder whose encoder, decoder and prior are told the condition: a class, a text, anything.

    Args:
        beta: The weight of the rate in the loss; log_prob is the ELBO whatever it is.
        free: Nats of the rate, of each latent, that cost nothing, against latents that say nothing.

    Raises:
        Mistake: If there is no condition.
    """
    from genzoo.models.autoencoders import VAE, GivenNormal, Rate

    if given_space is None:
        raise Mistake("cvae is told a condition, got none.", "Name one by --given, or take vae.")
    both, conv = _networks(space, given_space, size, Nets(net, latent, hidden, depth, width))
    rate, prior = Rate(beta, free=free, warm_up=beta_warmup), GivenNormal(both.latent, given_space)
    return _whole(VAE(space, given_space, both, prior=prior, rate=rate, drop_given=drop_given), size, conv=conv)


@recipe(
    family="autoencoders",
    likelihood="bound",
    can=ABLE,
    paper="Sønderby et al., 2016, Ladder variational autoencoders, arXiv:1602.02282",
    sampling=("noise",),
    loss=f"distortion + rate, warmed up over 20%, {NATS}",
)
def ladder_vae(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Annotated[Size, Field(description="Small: 16 channels, paper: 64; levels as said by latents.")] = "small",
    net: Net = "auto",
    latents: Annotated[
        tuple[Count, ...] | None,
        Field(min_length=2, description="The lengths of z_1, …, z_L; by default 32, 16 and 8 (4 and 2 for tables)."),
    ] = None,
    hidden: Hidden = 256,
    width: Width = None,
    beta: Amount = 1.0,
    free: Amount = 0.0,
    beta_warmup: WarmUp = 0.2,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A variational autoencoder with latents at several levels, from the top down for encoder and decoder alike.

    Args:
        beta: The weight of the rate in the loss; log_prob is the ELBO whatever it is.
        free: Nats of the rate, of each latent, that cost nothing, against levels that say nothing.
    """
    from genzoo.models.autoencoders import VAE, LadderAutoencoder, LadderPrior, Rate

    sizes, conv = latents or ((32, 16, 8) if space.dims > 16 else (4, 2)), _is_conv(space, net)
    if conv:
        channels = width or (16 if size == "small" else 64)
        both = LadderAutoencoder.conv(space, given_space, sizes=sizes, width=channels, hidden=hidden)
    else:
        both = LadderAutoencoder.mlp(space, given_space, sizes=sizes, hidden=[hidden] * 2)
    rate = Rate(beta, free=free, warm_up=beta_warmup)
    model = VAE(space, given_space, both, prior=LadderPrior(), rate=rate, drop_given=drop_given)
    return _whole(model, size, conv=conv)


class Nets(NamedTuple):
    """How the networks of an autoencoder are made, as its recipe says."""

    net: str
    latent: int | None
    hidden: int
    depth: int
    width: int | None
    posterior: str = "normal"
    flows: int | None = None


def _networks(space: Space, given_space: GivenSpaceLike, size: Size, nets: Nets) -> "tuple[Autoencoder, bool]":
    """Encoder and decoder, and whether they are of convolutions."""
    from genzoo.models.autoencoders import GaussianAutoencoder

    small = size == "small"
    latent = nets.latent or (32 if not small else 16 if space.dims > 16 else 4)
    given, flow = {"given_space": given_space, "latent": latent}, _flow(nets, latent)
    if _is_conv(space, nets.net):
        return GaussianAutoencoder.conv(space, width=nets.width or (16 if small else 64), **given, **flow), True
    return GaussianAutoencoder.mlp(space, hidden=[nets.hidden] * nets.depth, **given, **flow), False


def _is_conv(space: Space, net: str) -> bool:
    return net == "conv" or (net == "auto" and len(space.shape) == 3 and min(space.shape[1:]) >= 16)


def _flow(nets: Nets, latent: int) -> dict[str, Any]:
    """What makes z of a draw from a Gaussian, if anything, and how many numbers it is told of x."""
    if nets.posterior == "normal":
        return {}
    from genzoo.models.flows import Autoregressive, Bijection, Chain, Planar, Radial
    from genzoo.nn import MaskedMLP

    def autoregressive(i: int) -> Bijection:
        return Autoregressive(MaskedMLP(latent, 1, 2, width=256, depth=2, given=CONTEXT), reverse=i % 2 == 1)

    kinds = {
        "iaf": autoregressive,
        "planar": lambda i: Planar(latent, CONTEXT),
        "radial": lambda i: Radial(latent, CONTEXT),
    }
    count = nets.flows or (2 if nets.posterior == "iaf" else 16)
    return {"flow": Chain(*(kinds[nets.posterior](i) for i in range(count))), "context": CONTEXT}


def _whole(model: "VAE", size: Size, *, conv: bool) -> Recipe:
    """The model with its training."""
    config = TrainConfig(
        steps=3000,
        lr=2e-3 if size == "small" else 1e-3,
        warmup=100,
        precision="auto" if conv else "float32",
        clip_norm=100.0,
        ema=0.05,
        keep="best",
    )
    return Recipe(in_units(model), config)
