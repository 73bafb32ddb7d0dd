"""Recipes of flows from noise to data whose networks say a velocity."""

from typing import Literal

from genzoo.core.space import Space
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
from genzoo.zoo.recipe import Count, DropGiven, GivenSpaceLike, Recipe, recipe

__all__ = ["dit", "flow_matching", "ot_flow_matching", "text_to_image"]


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
    from genzoo.models.diffusion import Emphasis, LogitNormal, Predicts, Straight, Uniform
    from genzoo.models.diffusion.samplers import sampler_named

    steps = sampling_steps or (25 if size == "small" else 50)
    return assembled(
        space,
        given_space,
        Network(net, width, depth, size),
        schedule=Straight(),
        predicts=Predicts.VELOCITY,
        emphasis=Emphasis(LogitNormal() if times == "logit_normal" else Uniform()),
        sampler=sampler_named(sampler, steps),
        drop_given=drop_given,
    )


@recipe(
    family="diffusion",
    likelihood="estimate",
    can=tuple(each for each in ABLE if each not in ("score", "denoise")),
    compared=COMPARED,
    paper="Tong et al., 2024, Improving and generalizing flow-based generative models with minibatch optimal "
    "transport, arXiv:2302.00482",
    sampling=SAMPLED,
    loss="squared error of the velocity, the mean over entries",
)
def ot_flow_matching(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: DenoiserSize = "small",
    net: Net = "auto",
    width: Width = None,
    depth: Depth = None,
    times: Literal["logit_normal", "uniform"] = "uniform",
    sampler: Literal[
        "euler", "ddim", "heun", "multistep", "ipndm", "dpm2", "dpm3", "unipc", "deis", "adaptive"
    ] = "heun",
    sampling_steps: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Flow matching of noise with the rows of a batch that lie nearest to it, so that few steps follow its paths.

    Args:
        times: At which times training looks: most in the middle, or at all alike.
        sampler: How samples are drawn if nothing else is asked for, without fresh noise.
        sampling_steps: In how many steps; by default 12, or 25 for paper size.
    """
    from genzoo.models.diffusion import (
        Emphasis,
        LogitNormal,
        MinibatchOT,
        Predicts,
        Straight,
        Uniform,
    )  # fmt: skip
    from genzoo.models.diffusion.samplers import sampler_named

    looks = LogitNormal() if times == "logit_normal" else Uniform()
    return assembled(
        space,
        given_space,
        Network(net, width, depth, size),
        schedule=Straight(),
        predicts=Predicts.VELOCITY,
        emphasis=Emphasis(looks, coupling=MinibatchOT()),
        sampler=sampler_named(sampler, sampling_steps or (12 if size == "small" else 25)),
        drop_given=drop_given,
    )


@recipe(
    family="diffusion",
    likelihood="bound",
    can=tuple(each for each in ABLE if each != "score"),  # images of levels have none
    compared=COMPARED,
    wants=("image",),
    paper="Peebles & Xie, 2023, Scalable diffusion models with transformers, arXiv:2212.09748",
    sampling=SAMPLED,
    loss="squared error of the velocity, the mean over entries",
)
def dit(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: DenoiserSize = "small",
    width: Width = None,
    depth: Depth = None,
    sampler: How = "heun",
    sampling_steps: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A transformer of an image's patches that says the velocity of flow matching.

    Args:
        sampling_steps: In how many steps; by default 25, or 50 for paper size.
    """
    return flow_matching.function(
        space,
        given_space,
        size=size,
        net="dit",
        width=width,
        depth=depth,
        sampler=sampler,
        sampling_steps=sampling_steps,
        drop_given=drop_given,
    )


@recipe(
    family="diffusion",
    likelihood="bound",
    can=tuple(each for each in ABLE if each != "score"),  # images of levels have none
    compared=COMPARED,
    wants=("image", "condition"),
    paper="Esser et al., 2024, Scaling rectified flow transformers for high-resolution image synthesis, "
    "arXiv:2403.03206",
    sampling=SAMPLED,
    loss="squared error of the data, the mean over entries",
)
def text_to_image(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: DenoiserSize = "small",
    net: Literal["unet", "mmdit"] = "unet",
    width: Width = None,
    depth: Depth = None,
    sampler: How = "multistep",
    sampling_steps: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Pictures of what a text says, by flow matching: a U-Net looks at what a transformer read.

    The text is any condition, and any condition will do in its place. Training looks at much noise above all, where it
    is settled what stands where: flat colors are told apart long before.

    Args:
        net: A U-Net, or a transformer of patches and characters in two streams (mmdit), which wants
            far more rows.
        sampling_steps: In how many steps; by default 20, or 50 for paper size.
    """
    from genzoo.models.diffusion import Emphasis, LogitNormal, Predicts, Straight
    from genzoo.models.diffusion.samplers import sampler_named

    return assembled(
        space,
        given_space,
        Network(net, width, depth or (1 if net == "unet" and size == "small" else None), size, reads=True),
        schedule=Straight(),
        predicts=Predicts.DATA,  # flat colors are soon said; a velocity asks for all the noise of every patch
        emphasis=Emphasis(LogitNormal(mean=1.0)),
        sampler=sampler_named(sampler, sampling_steps or (20 if size == "small" else 50)),
        drop_given=drop_given,
    )
