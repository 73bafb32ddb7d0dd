"""Flows beside packages of flows: training steps, densities and draws of vectors of 63 entries.

Eight couplings of perceptrons of 2 × 128 over 512 rows, affine ones beside normflows, splines of eight bins beside
zuko; glow with four steps of 32 channels at each of four scales over 32 images beside normflows, the same networks in
both; and five autoregressive maps with networks of that size, affine and splines, beside zuko. 2,048 rows are drawn at
a time. All train by fused AdamW, in turns, in one process, on one thread. A ratio is the peer's processor time over
genzoo's: more than 1 means that genzoo is faster. A peer that is not installed is left out; none is among the tools of
this package: pip install --no-deps normflows zuko.

Usage: OMP_NUM_THREADS=1 python -m benchmarks.flows [--rounds N] [--only NAME]
"""

import argparse
import json
import math
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from benchmarks import record
from benchmarks.small_steps import Figures, fused, own, steps
from benchmarks.tables import compared
from genzoo.core import Batch, Noise, Space
from genzoo.core.noise import seeded
from genzoo.models.flows import Affine, Flow, MaskedNets, Nets, Spline, autoregressive_flow, coupling_flow
from genzoo.models.flows.couplings import couplings, scales

DIMS, ROWS, WIDTH, DEPTH, MAPS, STEPS, DRAWN = 63, 512, 128, 8, 5, 10, 2048
IMAGE, IMAGES, SCALES, GLOWS, CHANNELS = (1, 32, 32), 32, 4, 4, 32  # of glow: its images, steps of a scale, channels
LogProb = Callable[[Tensor], Tensor]


def flow(spline: bool) -> Flow:
    with seeded(0):
        transform = Spline() if spline else None
        model = coupling_flow(Space((DIMS,)), None, transform, Nets("mlp", WIDTH, 2), depth=DEPTH)
    model.prepare([Batch(_rows(), None, Noise(0))])
    return model


def maps(spline: bool) -> Flow:
    with seeded(0):
        nets = MaskedNets(WIDTH, 2)
        model = autoregressive_flow(Space((DIMS,)), None, Spline() if spline else None, nets, depth=MAPS)
    model.prepare([Batch(_rows(), None, Noise(0))])
    return model


def normflows_affine() -> tuple[nn.Module, LogProb, Callable[[], object]]:
    import normflows

    parts: list[nn.Module] = []
    for _ in range(DEPTH):
        net = normflows.nets.MLP([(DIMS + 1) // 2, WIDTH, WIDTH, 2 * (DIMS // 2)], init_zeros=True)
        parts += [normflows.flows.AffineCouplingBlock(net), normflows.flows.Permute(DIMS, mode="swap")]
    model = normflows.NormalizingFlow(normflows.distributions.DiagGaussian(DIMS, trainable=False), parts)
    return model, model.log_prob, lambda: model.sample(DRAWN)


def zuko_spline() -> tuple[nn.Module, LogProb, Callable[[], object]]:
    import zuko

    model = zuko.flows.NSF(DIMS, bins=8, transforms=DEPTH, passes=2, hidden_features=[WIDTH] * 2)
    return model, lambda x: model().log_prob(x), lambda: model().sample((DRAWN,))


def zuko_maps(spline: bool) -> tuple[nn.Module, LogProb, Callable[[], object]]:
    import zuko

    sizes = {"transforms": MAPS, "hidden_features": [WIDTH] * 2}
    model = zuko.flows.NSF(DIMS, bins=8, **sizes) if spline else zuko.flows.MAF(DIMS, **sizes)
    return model, lambda x: model().log_prob(x), lambda: model().sample((DRAWN,))


class Convs(nn.Module):
    """The network of a step of glow: convolutions of 3×3, 1×1 and 3×3."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.middle = nn.Conv2d(inputs, CHANNELS, 3, padding=1), nn.Conv2d(CHANNELS, CHANNELS, 1)
        self.last = nn.Conv2d(CHANNELS, outputs, 3, padding=1)

    def forward(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)  # as the package's own networks do
        y: Tensor = self.last(relu(self.middle(relu(self.first(x)))))
        return y.contiguous()


def glow() -> Flow:
    with seeded(0):
        body = scales(IMAGE, lambda channels: couplings(channels, GLOWS, Convs, Affine(), "lu"))
    model = Flow(Space(IMAGE), None, body, latent=(math.prod(IMAGE),))
    model.prepare([Batch(_rows(IMAGES, *IMAGE), None, Noise(0))])
    return model


def normflows_glow() -> tuple[nn.Module, LogProb, Callable[[], object]]:
    """As many scales as ours."""
    import normflows

    bases, merges, flows = [], [], []
    for scale in range(SCALES):
        channels, side = 2 ** (SCALES + 1 - scale), IMAGE[1] // 2 ** (SCALES - scale)
        blocks = [normflows.flows.GlowBlock(channels, CHANNELS) for _ in range(GLOWS)]
        flows.append([*blocks, normflows.flows.Squeeze()])
        merges += [normflows.flows.Merge()] if scale else []
        shape = (channels // 2 if scale else channels, side, side)
        bases.append(normflows.distributions.DiagGaussian(shape, trainable=False))
    model = normflows.MultiscaleFlow(bases, flows, merges, class_cond=False)
    return model, lambda x: model.log_prob(x, None), lambda: model.sample(IMAGES)


def beside(name: str, model: Flow, peer: Callable[[], tuple[nn.Module, LogProb, Callable[[], object]]],
           rounds: int) -> Figures:  # fmt: skip
    x, drawn = (_rows(), DRAWN) if len(model.space.shape) == 1 else (_rows(IMAGES, *IMAGE), IMAGES)
    with seeded(0):
        theirs, log_prob, draw = peer()
    log_prob(x)  # what starts from data
    trained = compared(own(model, x, STEPS), steps(lambda step: -log_prob(x).mean(), fused(theirs), STEPS), rounds)

    def without(run: Callable[[], object], times: int = 1) -> Callable[[], None]:
        def several() -> None:
            with torch.no_grad():
                for _ in range(times):
                    run()

        return several

    scored = compared(without(lambda: model.log_prob(x), STEPS), without(lambda: log_prob(x), STEPS), rounds)
    return {
        f"{name}: a step": trained,
        f"{name}: log p": scored,
        f"{name}: samples": compared(without(lambda: model.sample(drawn, seed=0)), without(draw), rounds),
    }


def _rows(*shape: int) -> Tensor:
    return Noise(0, "rows").normal(*(shape or (ROWS, DIMS)))


CASES: dict[str, tuple[Callable[[], Flow], Callable[[], tuple[nn.Module, LogProb, Callable[[], object]]]]] = {
    "realnvp, normflows": (lambda: flow(spline=False), normflows_affine),
    "nsf, zuko": (lambda: flow(spline=True), zuko_spline),
    "glow, normflows": (glow, normflows_glow),
    "maf, zuko": (lambda: maps(spline=False), lambda: zuko_maps(spline=False)),
    "nsf_autoregressive, zuko": (lambda: maps(spline=True), lambda: zuko_maps(spline=True)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how many turns")
    parser.add_argument("--only", choices=CASES, help="one case alone, beside what is kept of the others")
    said = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    figures: Figures = {}
    if said.only is not None:
        figures = json.loads((record.FOLDER / "flows.json").read_text())["figures"]
    for name, (ours, peer) in CASES.items():
        try:
            figures |= beside(name, ours(), peer, said.rounds) if said.only in (None, name) else {}
        except ImportError as problem:
            print(f"{name} is left out: {problem}")
    for name, values in figures.items():
        print(f"{name:32}", *(f"{what} {value:.4g}" for what, value in values.items()))
    sizes = {"dims": DIMS, "rows": ROWS, "width": WIDTH, "depth": DEPTH, "steps": STEPS, "drawn": DRAWN}
    print("written to", record.write("flows", sizes | {"figures": figures}))


if __name__ == "__main__":
    main()
