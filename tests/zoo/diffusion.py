"""Diffusion and flow matching: their tiny instances."""

from genzoo.core import Column, GivenSpaceLike, Likelihood, Space
from genzoo.models import Ranked, Standardized
from genzoo.models.diffusion import (
    D3PM,
    DDIM,
    EDM,
    ELBO,
    Ancestral,
    BlockDiffusion,
    Bridge,
    Chains,
    ClassifiedDiffusion,
    Cosine,
    Diffusion,
    DiscreteFlow,
    Emphasis,
    EnergyMatching,
    Entropic,
    FlowMap,
    Heun,
    Learned,
    Line,
    Linear,
    MaskedDiffusion,
    MinibatchOT,
    NoisyClassifier,
    Predicts,
    Progressive,
    SE3Flow,
    Straight,
    TabDDPM,
    TabDiff,
    TimeEstimation,
)
from genzoo.models.ranked import ranked_space
from genzoo.models.sequences import symbols
from genzoo.nn import (
    MLP,
    Conditioned,
    DiT,
    FrameField,
    Hot,
    Infilling,
    LineUNet,
    MMDiT,
    Noticing,
    Timed,
    UNet,
    UViT,
)
from genzoo.nn.characters import CODE_POINTS
from tests.zoo.entry import (
    BITS,
    BOTH,
    BOUND,
    BYTES,
    CLIP,
    EVEN,
    EXACT,
    LABEL,
    NONE,
    ONE_OF_3,
    PIXELS,
    REALS,
    TEXT,
    TINY,
    UNNORMALIZED,
    WORDS,
    Entry,
)


def diffusion(space: Space, given: GivenSpaceLike = None, drop_given: float = 0.0, **options: object) -> Diffusion:
    net = Timed(MLP(space.dims, [16], space.dims, given=8), 8, given)
    parts = {"schedule": Straight(), "predicts": Predicts.VELOCITY, "sampler": Heun(4)} | options
    return Diffusion(space, given, net, drop_given=drop_given, **parts)


def unet_diffusion(space: Space, given: GivenSpaceLike = None) -> Diffusion:
    net = Timed(UNet(space.shape, given=8, widths=(4, 8), blocks=1), 8, given)
    return Diffusion(space, given, net, schedule=Cosine(), predicts=Predicts.NOISE, sampler=Ancestral(3))


def dit_diffusion(space: Space, given: GivenSpaceLike = None) -> Diffusion:
    net = Timed(DiT(space.shape, given=8, width=8, depth=1, heads=2, patch=2), 8, given)
    return Diffusion(space, given, net, schedule=Straight(), predicts=Predicts.VELOCITY, sampler=Heun(3))


def uvit_diffusion(space: Space, given: GivenSpaceLike = None) -> Diffusion:
    net = Timed(UViT(space.shape, given=8, width=8, depth=3, heads=2, patch=2), 8, given)
    return Diffusion(space, given, net, schedule=Cosine(), predicts=Predicts.V, sampler=Heun(3))


def mmdit_diffusion(space: Space, given: GivenSpaceLike) -> Diffusion:
    layers = MMDiT(space.shape, given=8, tokens=8, count=4, width=8, depth=2, heads=2, patch=2)
    net = Timed(layers, 8, given, attends=True)
    return Diffusion(space, given, net, schedule=Straight(), predicts=Predicts.VELOCITY, sampler=Heun(3))


def line_diffusion(space: Space, given: GivenSpaceLike = None) -> Diffusion:
    net = Timed(LineUNet(space.shape, given=8, widths=(4, 8)), 8, given)
    return Diffusion(space, given, net, schedule=Straight(), predicts=Predicts.VELOCITY, sampler=Heun(3))


def flow_map(space: Space, given: GivenSpaceLike = None, drop_given: float = 0.0, **options: object) -> FlowMap:
    net = Timed(MLP(space.dims, [16], space.dims, given=8), 8, given, spans=True)
    parts = {"schedule": Straight(), "predicts": Predicts.VELOCITY, "sampler": Heun(4), "drop_given": drop_given}
    return FlowMap(Diffusion(space, given, net, **parts), **options)


def flow_map_told(space: Space, given: GivenSpaceLike = None) -> FlowMap:
    head = Timed(MLP(space.dims, [16], 1, given=8), 8, given, spans=True)
    return flow_map(space, given, divergence=head)


def energy_matching(space: Space) -> EnergyMatching:
    chains = Chains(32, 16, 2, step_size=0.02, fresh=0.1)
    return EnergyMatching(space, Conditioned(MLP(space.dims, [16], 1)), warm=0.0, chains=chains, steps=8)


def time_estimation(space: Space) -> TimeEstimation:
    return TimeEstimation(space, Conditioned(MLP(space.dims, [16], 6)), times=6, sampler=Heun(4))


TABLE = Space((3,), columns=(Column("real"), Column("integer"), Column("categorical", 3)))
TINY_COLUMNS = Space((2,), columns=(Column("ordered", 4), Column("categorical", 3)))


def tab_ddpm(space: Space, given: GivenSpaceLike = None) -> Ranked:
    return Ranked(TabDDPM(ranked_space(space), given, width=8, depth=1, steps=5), space, bins=6)


def tab_diff(space: Space, given: GivenSpaceLike = None) -> Ranked:
    return Ranked(TabDiff(ranked_space(space), given, width=8, depth=1, sampling_steps=8), space, bins=6)


def bridge(space: Space) -> Bridge:
    nets = [Timed(MLP(space.dims, [16], space.dims, given=8), 8) for _ in range(2)]
    return Bridge(space, space, *nets, path=Line(0.5), coupling=Entropic(0.5), steps=4)


def classifier(row: Space) -> NoisyClassifier:
    return NoisyClassifier(ONE_OF_3, row, Timed(MLP(row.dims, [16], 3, given=8), 8))


def infilling(space: Space, given: GivenSpaceLike = None, timed: bool = False) -> Infilling:
    return Infilling(symbols(space), space.dims, given, width=8, depth=1, heads=2, timed=timed)


def masked_bits(space: Space, given: GivenSpaceLike) -> MaskedDiffusion:
    size = space.dims * 3
    return MaskedDiffusion(space, given, Hot(Timed(MLP(size, [8], size, given=8), 8, given), (space.dims,), symbols=2))


def se3_flow(given: GivenSpaceLike = None, drop_given: float = 0.0) -> SE3Flow:
    field = FrameField(7, given=8, width=8, depth=1, heads=2, pair=4)
    return SE3Flow(Space((3, 3, 3)), given, Timed(field, 8, given), steps=3, drop_given=drop_given)


DIFFUSION: dict[str, Entry] = {
    "diffusion": Entry(lambda: diffusion(BYTES), BOUND, "encode decode latent denoise", rounds=15),
    "diffusion/reals": Entry(
        lambda: diffusion(REALS, sampler=DDIM(6, eta=0.5)), BOUND, "encode decode score latent denoise"
    ),
    "diffusion/bits": Entry(
        lambda: diffusion(BITS, schedule=Linear(), predicts=Predicts.DATA),
        BOUND,
        "encode decode latent denoise",
        rounds=15,
    ),
    "diffusion/exploding": Entry(
        lambda: diffusion(REALS, schedule=EDM(), predicts=Predicts.PRECONDITIONED),
        BOUND,
        "encode decode score latent denoise",
        rounds=15,
    ),
    "diffusion/unet": Entry(lambda: unet_diffusion(CLIP), BOUND, "encode decode score latent denoise"),
    "diffusion/unet/given": Entry(
        lambda: unet_diffusion(EVEN, LABEL), BOUND, "encode decode score latent denoise condition"
    ),
    "diffusion/dit": Entry(
        lambda: dit_diffusion(PIXELS, LABEL), BOUND, "encode decode score latent denoise condition"
    ),
    "diffusion/mmdit": Entry(
        lambda: mmdit_diffusion(PIXELS, {"text": Space((4,), levels=CODE_POINTS, ragged=True)}),
        BOUND,
        "encode decode score latent denoise condition",
    ),
    "diffusion/uvit": Entry(
        lambda: uvit_diffusion(PIXELS, LABEL), BOUND, "encode decode score latent denoise condition"
    ),
    "diffusion/line": Entry(
        lambda: line_diffusion(Space((6, 2)), LABEL), BOUND, "encode decode score latent denoise condition"
    ),
    "diffusion/paired": Entry(
        lambda: diffusion(REALS, LABEL, 0.2, emphasis=Emphasis(coupling=MinibatchOT())),
        Likelihood.ESTIMATE,
        "encode decode latent condition",
        rounds=15,
    ),
    "bridge": Entry(lambda: bridge(BYTES), NONE, "sample loss condition"),
    "bridge/reals": Entry(lambda: bridge(REALS), NONE, "sample loss condition", rounds=15),
    "flow_map": Entry(lambda: flow_map(BYTES), NONE, "sample loss decode latent denoise", rounds=15),
    "flow_map/reals": Entry(
        lambda: flow_map(REALS, distillation=Progressive()), NONE, "sample loss decode latent denoise", rounds=15
    ),
    "flow_map/given": Entry(
        lambda: flow_map(REALS, LABEL, 0.2, guidance=0.5), NONE, "sample loss decode latent condition", rounds=15
    ),
    "flow_map/told": Entry(
        lambda: flow_map_told(REALS, LABEL), Likelihood.ESTIMATE, "decode score latent denoise condition", rounds=15
    ),
    "energy_matching": Entry(lambda: energy_matching(BYTES), UNNORMALIZED, rounds=15),
    "time_estimation": Entry(
        lambda: time_estimation(REALS), Likelihood.ESTIMATE, "encode decode score latent denoise", rounds=15
    ),
    "energy_matching/reals": Entry(lambda: energy_matching(REALS), UNNORMALIZED, "score", rounds=15),
    "noisy_classifier": Entry(
        lambda: NoisyClassifier(ONE_OF_3, EVEN, Timed(Noticing(EVEN.shape, 3, given=8, widths=(4, 8)), 8)),
        EXACT,
        "condition",
    ),
    "noisy_classifier/reals": Entry(lambda: classifier(REALS), EXACT, "condition", rounds=15),
    "diffusion/classified": Entry(
        lambda: ClassifiedDiffusion(LABEL, diffusion(BYTES, sampler=Heun(3)), classifier(BYTES)),
        NONE,
        "sample loss condition",
        rounds=15,
    ),
    "diffusion/learned": Entry(
        lambda: diffusion(REALS, schedule=Learned(Cosine()), predicts=Predicts.V, emphasis=Emphasis(weight=ELBO())),
        BOUND,
        "encode decode score latent denoise",
        rounds=15,
    ),
    "diffusion/given/several": Entry(
        lambda: diffusion(REALS, BOTH, 0.2), BOUND, "encode decode score latent denoise condition"
    ),
    "se3_flow": Entry(se3_flow, NONE, "sample loss", rounds=15),
    "se3_flow/given": Entry(lambda: se3_flow(LABEL, 0.2), NONE, "sample loss condition", rounds=15),
    "tab_ddpm": Entry(lambda: tab_ddpm(TABLE, LABEL), BOUND, "condition", rounds=15),
    "tab_ddpm/reals": Entry(lambda: tab_ddpm(REALS), BOUND),
    "tab_ddpm/levels": Entry(lambda: TabDDPM(TINY_COLUMNS, width=8, depth=1, steps=5), BOUND),
    "tab_diff": Entry(lambda: tab_diff(TABLE, LABEL), BOUND, "condition"),
    "tab_diff/reals": Entry(lambda: tab_diff(REALS), BOUND, rounds=40),
    "tab_diff/levels": Entry(lambda: TabDiff(TINY_COLUMNS, width=8, depth=1, sampling_steps=8), BOUND),
    "masked_diffusion": Entry(
        lambda: MaskedDiffusion(WORDS, LABEL, infilling(WORDS, LABEL), drop_given=0.2), BOUND, "condition"
    ),
    "masked_diffusion/levels": Entry(lambda: MaskedDiffusion(TINY, None, infilling(TINY)), BOUND, rounds=15),
    "masked_diffusion/bits": Entry(lambda: masked_bits(BITS, LABEL), BOUND, "condition"),
    "block_diffusion": Entry(
        lambda: BlockDiffusion(WORDS, LABEL, infilling(WORDS, LABEL), length=2, drop_given=0.2), BOUND, "condition"
    ),
    "block_diffusion/levels": Entry(lambda: BlockDiffusion(TINY, None, infilling(TINY), length=3), BOUND, rounds=15),
    "d3pm": Entry(
        lambda: D3PM(WORDS, LABEL, infilling(WORDS, LABEL, timed=True), steps=6, drop_given=0.2), BOUND, "condition"
    ),
    "d3pm/levels": Entry(
        lambda: D3PM(TINY, None, infilling(TINY, timed=True), kind="absorbing", steps=6), BOUND, rounds=40
    ),
    "discrete_flow": Entry(
        lambda: DiscreteFlow(TINY, LABEL, infilling(TINY, LABEL, timed=True), steps=6, drop_given=0.2),
        BOUND,
        "condition",
        rounds=15,
    ),
    "discrete_flow/words": Entry(
        lambda: DiscreteFlow(WORDS, None, infilling(WORDS), kind="absorbing", steps=6), BOUND
    ),
    "masked_diffusion/given/several": Entry(
        lambda: MaskedDiffusion(TINY, TEXT, infilling(TINY, TEXT), drop_given=0.2), BOUND, "condition"
    ),
    "standardized/diffusion": Entry(
        lambda: Standardized(diffusion(REALS)), BOUND, "encode decode score latent denoise"
    ),
}
