"""Recipes of diffusions whose networks say what is noise: chains, equations of noise, and their bound."""

from typing import Literal

from genzoo.core.space import Space
from genzoo.zoo.diffusion.led import led
from genzoo.zoo.diffusion.nets import (
    ABLE,
    COMPARED,
    SAMPLED,
    DenoiserSize,
    Depth,
    How,
    Net,
    Network,
    Width,
    assembled,
)  # fmt: skip
from genzoo.zoo.recipe import Count, DropGiven, GivenSpaceLike, Recipe, RunPath, recipe

__all__ = ["ddpm", "edm", "score_sde_ve", "score_sde_vp", "vdm"]


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
    classifier: RunPath | None = None,
) -> Recipe:
    """A denoising diffusion: the network predicts the noise, and samples are drawn step by step.

    Args:
        schedule: The amounts of signal and noise: a quarter circle, or DDPM's linear rate.
        predicts: What the network predicts.
        sampling_steps: In how many steps; by default 100, or 1000 for paper size.
        classifier: The run of a noisy_classifier of the same rows, which leads samples to their label: the network
            then knows none.
    """
    from genzoo.models.diffusion import Cosine, Linear, Predicts
    from genzoo.models.diffusion.samplers import sampler_named

    network = Network(net, width, depth, size)
    parts = {
        "schedule": Cosine() if schedule == "cosine" else Linear(),
        "predicts": Predicts(predicts),
        "sampler": sampler_named(sampler, sampling_steps or (100 if size == "small" else 1000)),
    }
    if classifier is not None:
        return led(space, given_space, network, classifier, **parts)
    return assembled(space, given_space, network, drop_given=drop_given, **parts)


@recipe(
    family="diffusion",
    likelihood="bound",
    can=ABLE,
    compared=COMPARED,
    paper="Karras et al., 2022, Elucidating the design space of diffusion-based generative models, arXiv:2206.00364",
    sampling=SAMPLED,
    loss="squared error of the data, preconditioned and weighted, the mean over entries",
)
def edm(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: DenoiserSize = "small",
    net: Net = "auto",
    width: Width = None,
    depth: Depth = None,
    sampler: How = "heun",
    sampling_steps: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A preconditioned diffusion: noise that grows by a power of time, and training where it matters most.

    Args:
        sampling_steps: In how many steps; by default 18.
    """
    from genzoo.models.diffusion import EDM, Emphasis, LogNormal, Preconditioned, Predicts
    from genzoo.models.diffusion.samplers import sampler_named

    return assembled(
        space,
        given_space,
        Network(net, width, depth, size),
        schedule=EDM(),
        predicts=Predicts.PRECONDITIONED,
        emphasis=Emphasis(LogNormal(), Preconditioned()),
        sampler=sampler_named(sampler, sampling_steps or 18),
        drop_given=drop_given,
    )


@recipe(
    family="diffusion",
    likelihood="bound",
    can=ABLE,
    compared=COMPARED,
    paper="Song et al., 2021, Score-based generative modeling through stochastic differential equations, "
    "arXiv:2011.13456",
    sampling=SAMPLED,
    loss="squared error of the score, weighted by the noise, the mean over entries",
)
def score_sde_ve(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: DenoiserSize = "small",
    net: Net = "auto",
    width: Width = None,
    depth: Depth = None,
    sampler: How = "predictor_corrector",
    sampling_steps: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A score of data in exploding noise: samples walk along it, and are corrected by Langevin's steps.

    Args:
        sampling_steps: In how many steps; by default 100, or 1000 for paper size.
    """
    from genzoo.models.diffusion import SNR, Emphasis, Predicts, VarianceExploding
    from genzoo.models.diffusion.samplers import sampler_named

    return assembled(
        space,
        given_space,
        Network(net, width, depth, size),
        schedule=VarianceExploding(),
        predicts=Predicts.SCORE,
        emphasis=Emphasis(weight=SNR()),
        sampler=sampler_named(sampler, sampling_steps or (100 if size == "small" else 1000)),
        drop_given=drop_given,
    )


@recipe(
    family="diffusion",
    likelihood="bound",
    can=ABLE,
    compared=COMPARED,
    paper="Song et al., 2021, Score-based generative modeling through stochastic differential equations, "
    "arXiv:2011.13456",
    sampling=SAMPLED,
    loss="squared error of the score, weighted by the noise, the mean over entries",
)
def score_sde_vp(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: DenoiserSize = "small",
    net: Net = "auto",
    width: Width = None,
    depth: Depth = None,
    sampler: How = "predictor_corrector",
    sampling_steps: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A score of data that shrink while noise takes their place: the continuous limit of a denoising chain.

    Args:
        sampling_steps: In how many steps; by default 100, or 1000 for paper size.
    """
    from genzoo.models.diffusion import SNR, Emphasis, Linear, Predicts
    from genzoo.models.diffusion.samplers import sampler_named

    return assembled(
        space,
        given_space,
        Network(net, width, depth, size),
        schedule=Linear(),
        predicts=Predicts.SCORE,
        emphasis=Emphasis(weight=SNR()),
        sampler=sampler_named(sampler, sampling_steps or (100 if size == "small" else 1000)),
        drop_given=drop_given,
    )


@recipe(
    family="diffusion",
    likelihood="bound",
    can=ABLE,
    compared=COMPARED,
    paper="Kingma et al., 2021, Variational diffusion models, arXiv:2107.00630",
    sampling=SAMPLED,
    loss="squared error of what is predicted, weighted as in the bound, the mean over entries",
)
def vdm(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: DenoiserSize = "small",
    net: Net = "auto",
    width: Width = None,
    depth: Depth = None,
    predicts: Literal["noise", "v"] = "v",
    sampler: How = "ancestral",
    sampling_steps: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A diffusion trained by its bound: the clock of its noise is learned, so that the bound varies least.

    Args:
        predicts: What the network predicts: the noise as published, or the velocity, which is steadier.
        sampling_steps: In how many steps; by default 100, or 1000 for paper size.
    """
    from genzoo.models.diffusion import ELBO, Cosine, Emphasis, Learned, Predicts
    from genzoo.models.diffusion.samplers import sampler_named

    return assembled(
        space,
        given_space,
        Network(net, width, depth, size),
        schedule=Learned(Cosine()),
        predicts=Predicts(predicts),
        emphasis=Emphasis(weight=ELBO()),
        sampler=sampler_named(sampler, sampling_steps or (100 if size == "small" else 1000)),
        drop_given=drop_given,
    )
