"""Recipes of chains of frames: backbones of proteins."""

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.diffusion.nets import Depth, Width
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Amount, Count, DropGiven, GivenSpaceLike, Recipe, Size, recipe

__all__ = ["se3_flow_matching"]


@recipe(
    family="diffusion",
    likelihood="none",
    can=("sample", "loss", "condition"),
    paper="Yim et al., 2023, Fast protein backbone generation with SE(3) flow matching, arXiv:2310.05297",
    sampling=("steps", "rate"),
    loss="squared error of the velocities of frames, the mean over residues",
    wants=("backbone",),
)
def se3_flow_matching(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    width: Width = None,
    depth: Depth = None,
    heads: Count = 4,
    rate: Amount = 10.0,
    sampling_steps: Count = 50,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Flow matching of the frames of residues, by a field that turns with the chain: windows of proteins' backbones.

    Args:
        size: Small: 4 blocks of 96. Paper: 6 blocks of 256.
        heads: Heads of attention; they share out the width.
        rate: How fast a sample settles its rotations; 0: as the flow does, along with places.
        sampling_steps: Steps of a sample, closer near the data.

    Raises:
        Mistake: If rows are no backbones.
    """
    from genzoo.models.diffusion.se3_flow import OUTPUTS, SE3Flow
    from genzoo.nn import FrameField, Timed

    if space.ragged or not space.is_real or space.shape[1:] != (3, 3):
        raise Mistake(
            f"se3_flow_matching makes backbones, (T, 3, 3) reals, N, CA and C of each residue, got {space}.",
            "Read proteins with x=xyz and window=32.",
        )
    small = size == "small"
    width = width or (96 if small else 256)
    field = FrameField(OUTPUTS, given=width, width=width, depth=depth or (4 if small else 6), heads=heads)
    model = SE3Flow(
        space, given_space, Timed(field, width, given_space), rate=rate, steps=sampling_steps, drop_given=drop_given
    )
    config = TrainConfig(
        steps=12_000,
        batch_size=32,
        optimizer="muon",
        lr=2e-3,
        betas=(0.9, 0.98),
        warmup=100,
        clip_norm=1.0,
        ema=0.05,
        valid_rows=2000,
    )
    return Recipe(model, config)
