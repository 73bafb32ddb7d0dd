"""What made an observation: posteriors of the parameters of a simulator, learned from its simulations.

$$ \\theta_i \\sim p(\\theta), \\quad x_i \\sim p(x \\mid \\theta_i), \\qquad
   q = \\arg\\max_q \\sum_i \\log q(\\theta_i \\mid x_i) \\;\\to\\; p(\\theta \\mid x). $$

Any recipe that takes a condition is the q: the parameters are its rows, and what was simulated is given. One training
serves every observation.

References:
    Papamakarios & Murray, 2016, "Fast ε-free inference of simulation models with Bayesian conditional density
        estimation", arXiv:1605.06376
    Cranmer, Brehmer & Louppe, 2020, "The frontier of simulation-based inference", arXiv:1911.01429
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.distributions import Distribution

from genzoo.core.model import evaluating
from genzoo.core.noise import Noise, fresh_seed
from genzoo.data import read
from genzoo.distributions.draws import draw
from genzoo.distributions.pairwise import NearestRows
from genzoo.evaluation.calibration import Calibrated, calibrated
from genzoo.tasks.inverse.posterior import Exactness, Posterior
from genzoo.tasks.outliers.chances import conformal
from genzoo.zoo.loading import Run
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.run import train

__all__ = ["Inferred", "Simulator", "infer"]

Simulator = Callable[[Tensor, Noise], Tensor]
NEIGHBORS, KNOWN = 5, 5000  # whose distance says how strange an observation is; simulations on each side of that
FEWEST, TRIES = 40, 100  # simulations; draws of a parameter until one is possible


@dataclass(frozen=True)
class Inferred:
    """A posterior for every observation.

    Attributes:
        run: What was trained.
        prior: p(θ).
        simulator: p(x | θ).
        theta: The parameters that were simulated.
        x: What came of them.
        failed: How many simulations were dropped.
    """

    run: Run
    prior: Distribution
    simulator: Simulator
    theta: Float[Tensor, "n *parameters"]
    x: Float[Tensor, "n *observed"]
    failed: int = 0

    def posterior(self, x: Shaped[Tensor, "B *observed"], n: int = 1000, *, seed: int | None = None) -> Posterior:
        """Draws of the parameters given observations, with the chance that a simulation is as far from its neighbors
        ("p"): where it is small, nothing like the observation was simulated, and nothing was learned of it.

        A draw that the prior rules out is drawn again; how many first ones were is told ("outside the prior").

        Args:
            x: Observations.
            n: Draws of each.
            seed: Names the draws; else a fresh one.

        Raises:
            ValueError: If an observation is not of the shape of the simulations, or holds NaN.
        """
        if x.shape[1:] != self.x.shape[1:] or not bool(x.isfinite().all()):
            raise ValueError(
                f"Observations must be finite rows of {tuple(self.x.shape[1:])}, as they were simulated, got "
                f"{tuple(x.shape)}{'' if bool(x.isfinite().all()) else ' with NaN or ∞'}."
            )
        model, seed = self.run.generative, fresh_seed() if seed is None else seed
        told = x.to(model.device, self.x.dtype).repeat_interleave(n, 0)
        draws = model.sample(len(told), told, seed=seed)
        inside = self._supported(draws).double().view(len(x), n).mean(1)
        draws = self._redrawn(draws, told, seed).unflatten(0, (len(x), n)).transpose(0, 1)
        told_of = {"p": self.strangeness(x), "outside the prior": 1 - inside}
        return Posterior(draws, Exactness.APPROXIMATE, self.run.config.recipe.name, 1, None, told_of)

    def strangeness(self, x: Shaped[Tensor, "B *observed"]) -> Float[Tensor, " B"]:
        """The chance of a simulation that is as far from five neighbors among others as an observation is.

        Args:
            x: Observations.
        """
        seen = self.x.flatten(1).double()
        scale = seen.std(0).clamp_min(1e-300)
        half = min(KNOWN, len(seen) // 2)
        near = NearestRows(seen[:half] / scale)

        def away(rows: Tensor) -> Tensor:
            return near(rows.flatten(1).double() / scale, NEIGHBORS)[0].mean(1)

        return conformal(away(x.to(seen.device)), away(seen[half : 2 * half]))

    def calibrated(self, n: int = 300, *, draws: int = 99, seed: int = 1) -> Calibrated:
        """Whether posteriors are as sure as they should be: on new simulations, whose parameters are known.

        Args:
            n: Simulations, 40 or more.
            draws: Of each posterior.
            seed: Names them; not that of the training.
        """
        theta, x = simulated(self.prior, self.simulator, n, Noise(seed, "calibrated"))
        kept = finite_rows(theta, x)
        theta, x = theta[kept], x[kept]
        scale = self.x.flatten(1).std(0).clamp_min(1e-30)
        index = NearestRows(self.x.flatten(1) / scale)(x.flatten(1) / scale, 1)[1][:, 0]
        found = self.posterior(x, draws, seed=seed)
        units = self.theta.std(0).clamp_min(1e-30)  # so that all parameters count
        return calibrated(found.x.cpu() / units, theta / units, near=self.theta[index] / units, seed=seed)

    def _redrawn(self, theta: Tensor, told: Tensor, seed: int) -> Tensor:
        """The parameters, those that the prior rules out drawn again: p(θ | x) has no mass there. Each by noise of its
        own, so that draws depend on no others; what is outside after many tries stays."""
        model = self.run.generative
        for k in range(TRIES):
            outside = (~self._supported(theta)).nonzero().flatten()
            if not len(outside):
                break
            noise = Noise(seed, "inside the prior", k, device=model.device).rows(outside)
            with torch.no_grad(), evaluating(model):
                where = outside.to(theta.device)
                given = model.checked_given(told[where], len(where))
                theta = theta.index_copy(0, where, model.draw(len(where), given, noise).to(theta.dtype))
        return theta

    def _supported(self, theta: Tensor) -> Tensor:
        """Which parameters the prior allows."""
        try:
            inside: Tensor = self.prior.support.check(theta.cpu())  # type: ignore[union-attr]
        except NotImplementedError:
            return torch.ones(len(theta), dtype=torch.bool)
        return inside.flatten(1).all(1) if inside.ndim > 1 else inside


def infer(
    prior: Distribution,
    simulator: Simulator,
    *,
    recipe: str = "nsf",
    simulations: int = 10_000,
    drop_failed: bool = False,
    seed: int = 0,
    **options: Any,
) -> Inferred:
    """Learns p(θ | x) of a simulator, for every x at once.

    Args:
        prior: p(θ), a distribution whose event is a vector of reals.
        simulator: From rows of θ and a `Noise` of as many rows to rows of x.
        recipe: What learns; any that takes a condition, as nsf, flow_matching or mixture_density.
        simulations: How many.
        drop_failed: Whether simulations that are not finite are left out. The posterior is then that of parameters
            given that the simulation succeeds, which may be another.
        seed: Names the simulations and the training.
        options: What `train` takes: the run's folder `out`, the recipe's `settings`, steps=2000 or minutes=3. The
            weights that are kept are those that say most of simulations held out, unless keep="last".

    Raises:
        Mistake: If the prior's event is no vector, a parameter or an observation never varies, simulations are not
            finite, or there are too few.

    Example:
        >>> import tempfile
        >>> from torch.distributions import Independent, Normal
        >>> prior = Independent(Normal(torch.zeros(2), 1.0), 1)
        >>> found = infer(prior, lambda theta, noise: theta + noise.normal(*theta.shape), recipe="mixture_density",
        ...     simulations=500, out=tempfile.mkdtemp() + "/run", steps=60, settings={"components": 1, "width": 16})
        >>> seen = torch.tensor([[0.0, 1.0], [50.0, 0.0]])
        >>> [p < 0.01 for p in found.posterior(seen, 200, seed=0).diagnostics["p"].tolist()]
        [False, True]
    """
    if len(prior.event_shape) != 1 or simulations < FEWEST:
        raise Mistake(
            f"Inference needs parameters that are a vector and {FEWEST} simulations, got an event of "
            f"{tuple(prior.event_shape)} and {simulations}.",
            "Wrap the prior as Independent(…, 1), and simulate more.",
        )
    theta, x = simulated(prior, simulator, simulations, Noise(seed, "infer"))
    kept = finite_rows(theta, x)
    failed = int((~kept).sum())
    if failed and (not drop_failed or simulations - failed < FEWEST):
        raise Mistake(
            f"Simulations must be finite, got NaN or ∞ in {failed:,} of {simulations:,}.",
            "Mend the simulator, or pass drop_failed=True: the posterior is then that given that a simulation "
            "succeeds, which is another wherever success depends on the parameters.",
        )
    theta, x = theta[kept], x[kept]
    for name, rows in (("parameter", theta), ("entry of the observation", x.flatten(1))):
        if still := (rows == rows[0]).all(0).nonzero().flatten().tolist():
            raise Mistake(f"Every {name} must vary, got one value of number {still[0]}.", "Leave it out.")
    options = {"keep": "best"} | options  # what knows its simulations by heart is too sure of everything else
    run = train(recipe, read((theta, x), given="*"), seed=seed, **options)
    return Inferred(run, prior, simulator, theta, x, failed)


def simulated(prior: Distribution, simulator: Simulator, n: int, noise: Noise) -> tuple[Tensor, Tensor]:
    """Parameters drawn from a prior, and what a simulator makes of them.

    Args:
        prior: p(θ).
        simulator: p(x | θ).
        n: How many.
        noise: A row for each.
    """
    theta = draw(prior, noise.at("prior"), n).float()
    x = simulator(theta, noise.at("simulator"))
    if len(x) != n or x.ndim < 2:
        raise Mistake(f"A simulator must make a row of each of {n:,} parameters, got {tuple(x.shape)}.", "Mend it.")
    return theta, x.float()


def finite_rows(theta: Tensor, x: Tensor) -> Tensor:
    """Which simulations are finite."""
    return theta.flatten(1).isfinite().all(1) & x.flatten(1).isfinite().all(1)
