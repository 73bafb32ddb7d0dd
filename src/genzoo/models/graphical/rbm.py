"""The restricted Boltzmann machine: binary pixels and hidden binary causes, with couplings between the two alone.

$$ E(v, h) = -b^\\top v - c^\\top h - h^\\top W v, \\qquad
   p(v) = \\frac1Z \\sum_h e^{-E(v, h)} = \\frac{e^{-F(v)}}{Z}, $$

with the free energy $F(v) = -b^\\top v - \\sum_j \\log(1 + e^{c_j + W_j v})$. Given the pixels the hidden units are
independent, and given these the pixels, so Gibbs sampling takes two draws a sweep. The gradient of the log-likelihood
is that of

$$ \\mathbb E_{\\text{data}}[-F] - \\mathbb E_{p}[-F], $$

whose second mean needs draws of the model. Contrastive divergence starts k sweeps at the data; its persistent form
keeps chains that are moved on after every step, while the weights hardly change.

References:
    Smolensky, 1986, "Information processing in dynamical systems: foundations of harmony theory"
    Hinton, 2002, "Training products of experts by minimizing contrastive divergence"
    Tieleman, 2008, "Training restricted Boltzmann machines using approximations to the likelihood gradient"
    Larochelle & Bengio, 2008, "Classification using discriminative restricted Boltzmann machines" (label units)
    Salakhutdinov & Murray, 2008, "On the quantitative analysis of deep belief networks" (log Z)
"""

import math
import warnings
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Int, Integer, UInt8
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus

from genzoo.core.abilities import Ability
from genzoo.core.game import Batch, Instant, Objective, Player
from genzoo.core.given import NOTHING, Given, GivenAsked, GivenSpaceLike, RowsAsked
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.mcmc.annealing import Annealed, ais
from genzoo.mcmc.kernel import Chains, Kernel, certain
from genzoo.models.causes import Causes
from genzoo.models.graphical.clamped import Swept
from genzoo.models.graphical.states import FEW, binary_states
from genzoo.models.graphical.units import Held, Units
from genzoo.models.labels import classes_in, labels_of

__all__ = ["RBM"]


class RBM(GenerativeModel):
    """A restricted Boltzmann machine on binary data, trained by (persistent) contrastive divergence.

    With a class label as condition the machine has label units: p(v, y) is one machine whose free energy is

    $$ F(v, y) = -b^\\top v - d_y - \\sum_j \\log(1 + e^{c_j + U_{jy} + W_j v}), $$

    so that p(v | y) needs one Z for each class, and the null condition is the exact marginal over labels.

    `log_prob` is $-F(v) - \\log Z$. Up to 20 hidden or visible units log Z is a sum over their states, and the
    likelihood exact. Above, it is an estimate: log Ẑ by annealed importance sampling from the machine without
    couplings (and the data's base rates as biases) along

    $$ f_\\beta(v) = e^{((1 - \\beta) b_0 + \\beta b)^\\top v} \\prod_j (1 + e^{\\beta (c_j + W_j v)}), $$

    by 100 chains through `temperatures`, seed 0, when it is first asked for after the weights have changed. It is
    kept in the buffers `log_z` and `log_z_error` (one for each class), so `log_z_interval` says how sure it is. log Ẑ
    errs downward on average, hence log-probabilities upward: more temperatures tell whether it matters.

    Args:
        space: What one x is: two levels.
        given_space: A label `Space((), levels=C)`, or `None`.
        hidden: The number of hidden units.
        steps: k, the sweeps of a negative phase.
        chains: The number of persistent chains; 0: each negative phase starts at the data.
        sweeps: The sweeps that make a sample, unless `sample(…, sweeps=…)` says otherwise. Each row has a chain of
            its own, started from the data's base rates; its draws are keyed by (seed, row).
        temperatures: How many steps of annealing log Z takes, where it is estimated.

    Raises:
        ValueError: If the space is not binary, the condition not a label, or a number out of range.

    Example:
        >>> model = RBM(Space((1, 3, 3), levels=2), hidden=4, sweeps=20)
        >>> model.sample(5, seed=0).shape, model.likelihood.value
        (torch.Size([5, 1, 3, 3]), 'exact')

    References:
        Hinton, 2002; Tieleman, 2008; Larochelle & Bengio, 2008
    """

    chain_v: Tensor
    chain_label: Tensor
    base: Tensor
    log_z: Tensor
    log_z_error: Tensor
    log_z_of: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        hidden: int = 500,
        steps: int = 1,
        chains: int = 100,
        sweeps: int = 500,
        temperatures: int = 1000,
    ) -> None:
        super().__init__(space, given_space)
        _check(space, hidden, steps, chains, sweeps)
        self.hidden, self.steps, self.chains, self.sweeps = hidden, steps, chains, sweeps
        self.temperatures = temperatures
        self.classes = classes_in("RBM", given_space) if given_space else 0
        self.likelihood = Likelihood.EXACT if min(hidden, space.dims) <= FEW else Likelihood.ESTIMATE
        self.weight = nn.Parameter(0.01 * torch.randn(hidden, space.dims))
        self.visible_bias = nn.Parameter(torch.zeros(space.dims))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        if self.classes:
            self.label_weight = nn.Parameter(0.01 * torch.randn(hidden, self.classes))
            self.label_bias = nn.Parameter(torch.zeros(self.classes))
        count = max(1, self.classes)
        self.register_buffer("base", torch.zeros(space.dims))  # log-odds of the data's pixels
        self.register_buffer("chain_v", torch.zeros(chains, space.dims, dtype=torch.uint8))
        self.register_buffer("chain_label", torch.zeros(chains if self.classes else 0, dtype=torch.int64))
        self.register_buffer("log_z", torch.zeros(count, dtype=torch.float64))
        self.register_buffer("log_z_error", torch.zeros(count, dtype=torch.float64))
        self.register_buffer("log_z_of", torch.full((2,), torch.nan, dtype=torch.float64))

    # --- the distribution -------------------------------------------------------------------------------------------

    def free_energy(self, v: Float[Tensor, "B D"], label: Int[Tensor, " B"] | None = None) -> Float[Tensor, " B"]:
        """F(v, y); of rows whose label is null F(v) = −log Σ_y exp −F(v, y).

        Args:
            v: Rows of zeros and ones.
            label: Their labels, −1 for none.
        """
        visible = v @ self.visible_bias
        if label is None:
            return -visible - softplus(self._inputs(v)).sum(1)
        of_label = softplus(self._inputs(v, label.clamp_min(0))).sum(1) + self.label_bias[label.clamp_min(0)]
        if (label < 0).any():
            of_label = torch.where(label < 0, self._over_labels(v).logsumexp(1), of_label)
        return -visible - of_label

    def log_density(self, x: Integer[Tensor, "B *shape"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        label = self._label(given, len(x))
        log_z = self._log_z()
        whole = log_z.logsumexp(0)
        constant = whole if label is None else torch.where(label < 0, whole, log_z[label.clamp_min(0)])
        return -self.free_energy(self._flat(x), label) - constant.to(self.dtype)

    def draw(self, n: int, given: Given, noise: Noise, *, sweeps: int | None = None) -> Integer[Tensor, "n *shape"]:
        """Samples by one Gibbs chain for each row.

        Args:
            n: The number of rows.
            given: The condition: label units are held where it is not null.
            noise: Where randomness comes from.
            sweeps: How far each chain goes from its start; by default as the model says.

        Raises:
            ValueError: If `sweeps` is negative.
        """
        sweeps = self.sweeps if sweeps is None else sweeps
        if sweeps < 0:
            raise ValueError(f"`sweeps` must not be negative, got {sweeps}.")
        label = self._label(given, n)
        held = None if label is None else label >= 0
        units = self._start(n, noise.at("start"), label)
        for t in range(sweeps):
            units = self.sweep(units, noise.tick(t), held)
        return units.v.to(torch.uint8).unflatten(1, self.space.shape)

    def abilities(self) -> list[Ability]:
        return [Swept(self.space, self.seen_through), Causes(Space((self.hidden,), levels=2), self.hidden_given)]

    def seen_through(self, evidence: Float[Tensor, "B D 2"], given: Given) -> Kernel:
        """Sweeps of pixels of which the log-odds are known beside, one chain for each row.

        Args:
            evidence: Of both values of each pixel; −∞ rules one out.
            given: The condition: label units are held where it is not null.
        """
        label, odds = self._label(given, len(evidence)), (evidence[:, :, 1] - evidence[:, :, 0]).to(self.dtype)

        def init(x: Tensor) -> Held:
            return Held(x.to(self.dtype), certain(x), None if label is None else label.clamp_min(0))

        def step(state: Held, noise: Noise) -> Held:
            h = noise.bernoulli(self._inputs(state.x, state.label).sigmoid())
            v = noise.bernoulli((h @ self.weight + self.visible_bias + odds).sigmoid())
            if label is None:
                return state._replace(x=v)
            drawn = noise.categorical(h @ self.label_weight + self.label_bias)
            return state._replace(x=v, label=torch.where(label >= 0, label, drawn))

        return Kernel(init, step)

    def sweep(self, units: Units, noise: Noise, held: Tensor | None = None) -> Units:
        """One sweep of Gibbs's sampler: hidden units given the visible, then these given the hidden.

        Args:
            units: Where the chains are.
            noise: This sweep's.
            held: Rows whose label stays as it is; none by default.
        """
        h = noise.bernoulli(self._inputs(*units).sigmoid())
        v = noise.bernoulli((h @ self.weight + self.visible_bias).sigmoid())
        if units.label is None:
            return Units(v, None)
        label = noise.categorical(h @ self.label_weight + self.label_bias)
        return Units(v, label if held is None else torch.where(held, units.label, label))

    def hidden_given(self, x: Integer[Tensor, "B *shape"], given: Given, noise: Noise) -> UInt8[Tensor, "B hidden"]:
        """Hidden units, drawn given pixels and label; one that is not known is drawn before, given the pixels."""
        v, label = self._flat(x), self._label(given, len(x))
        if label is not None:
            label = torch.where(label < 0, noise.at("label").categorical(self._over_labels(v)), label)
        return noise.bernoulli(self._inputs(v, label).sigmoid()).to(torch.uint8)

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B hidden"]:
        """The probabilities of the hidden units."""
        v, label = self._flat(self.checked(x)), self._label(self.checked_given(given, len(x)), len(x))
        if label is None:
            return self._inputs(v).sigmoid()
        odds = self._over_labels(v).softmax(1)
        known = nn.functional.one_hot(label.clamp_min(0), self.classes).to(odds)
        odds = torch.where(label[:, None] < 0, odds, known)
        return ((self._inputs(v)[:, :, None] + self.label_weight).sigmoid() * odds[:, None]).sum(2)

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Integer[Tensor, "B *shape"]:
        """The likeliest pixels given the hidden units."""
        v = self.latents(z) @ self.weight + self.visible_bias > 0
        return v.to(torch.uint8).unflatten(1, self.space.shape)

    def takes_null(self) -> bool:
        return True

    def filters(self) -> UInt8[Tensor, "hidden *shape"]:
        """What each hidden unit looks for, its row of W as grey levels: mid-grey is zero, white the largest weight."""
        weight = self.weight.detach()
        top = weight.abs().amax(1, keepdim=True).clamp_min(torch.finfo(weight.dtype).tiny)
        return (127.5 * (1 + weight / top)).round().to(torch.uint8).unflatten(1, self.space.shape)

    # --- training ---------------------------------------------------------------------------------------------------

    def players(self) -> Sequence[Player]:
        return [Player("model", self, self.contrast, after=self._move_chains if self.chains else None)]

    def contrast(self, batch: Batch) -> dict[str, Tensor]:
        """A loss with the gradient of the gap, the free energy of the data less that of the negative phase, and with
        the value of −log pseudo-likelihood: the gap itself hovers near zero however good the model.

        Args:
            batch: Rows of data.
        """
        positive = self._units(batch)
        if self.chains:
            negative = Units(self.chain_v.to(self.dtype), self.chain_label if self.classes else None)
        else:
            negative = self._swept(self._labeled(positive, batch.noise.at("labels")), batch.noise.at("negative"))
        gap = self.free_energy(*positive).mean() - self.free_energy(*negative).mean()
        with torch.no_grad():
            value = -self.pseudo_likelihood(positive, batch.noise.at("pseudo")).mean()
        return {"loss": value + (gap - gap.detach()), "gap": gap}

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """−log pseudo-likelihood, by which validation judges."""
        return -self.pseudo_likelihood(self._units(batch), batch.noise.at("pseudo")).mean()

    def lowers(self) -> Objective:
        return Objective("−log pseudo-likelihood", nats=("loss",))

    def pseudo_likelihood(self, units: Units, noise: Noise) -> Float[Tensor, " B"]:
        """Σ_i log p(v_i | the other pixels), estimated without bias from one pixel of each row,

        $$ D \\log \\sigma(F(\\tilde v) - F(v)), $$

        with ṽ the row with that pixel turned.

        Args:
            units: Rows with their labels.
            noise: What chooses the pixels.
        """
        v, label = units
        pixel = noise.integers(self.space.dims, len(v)).to(v.device)
        if label is None:  # one pixel moves the inputs of hidden units by its column of W
            inputs, turn = self._inputs(v), 1 - 2 * v.gather(1, pixel[:, None])
            gain = (softplus(inputs + turn * self.weight.T[pixel]) - softplus(inputs)).sum(1)
            return self.space.dims * logsigmoid(-gain - turn[:, 0] * self.visible_bias[pixel])
        turned = (v - nn.functional.one_hot(pixel, self.space.dims)).abs()
        return self.space.dims * logsigmoid(self.free_energy(turned, label) - self.free_energy(v, label))

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Visible biases start at the log-odds of each pixel, chains at draws of them."""
        rows, sums, noise = 0, torch.zeros_like(self.base), Noise(0)
        for batch in batches:
            rows, sums = rows + len(batch), sums + self._flat(batch.x).sum(0)
            noise = Noise(batch.noise.seed, *batch.noise.path, "start", device=self.device)
        with torch.no_grad():
            self.base.copy_(torch.logit((sums + 1) / (rows + 2)))
            self.visible_bias.copy_(self.base)
            start = self._start(self.chains, noise, self._label(NOTHING, self.chains))
            self._keep(start)

    # --- the normalization ------------------------------------------------------------------------------------------

    @property
    def log_z_interval(self) -> tuple[Float[Tensor, " classes"], Float[Tensor, " classes"]]:
        """The 95 % interval of log Z (of each class): a point where it is exact."""
        with torch.no_grad():
            log_z = self._log_z()
        low = torch.log((1 - 1.96 * self.log_z_error).clamp_min(0))
        return log_z + low, log_z + torch.log1p(1.96 * self.log_z_error)

    def estimate_log_z(self, *, chains: int = 100, temperatures: int | None = None, seed: int = 0) -> list[Annealed]:
        """log Z by annealed importance sampling, one for each class; kept in `log_z` and `log_z_error`.

        Args:
            chains: Chains for each class.
            temperatures: How many β there are from 0 to 1; by default the model's.
            seed: Names the noise.
        """
        count, noise = max(1, self.classes), Noise(seed, "log_z", device=self.device)
        label = torch.arange(count, device=self.device).repeat_interleave(chains) if self.classes else None
        start = noise.at("start").bernoulli(self.base.sigmoid().expand(count * chains, -1))

        def path(beta: float) -> "Interpolated":
            return Interpolated(self, beta, label)

        betas = torch.linspace(0, 1, temperatures or self.temperatures)
        with torch.no_grad():
            done = ais(path, lambda beta: path(beta).kernel(), start, noise, betas=betas)
            log_z_start = float(softplus(self.base.double()).sum()) + self.hidden * math.log(2)
            offset = self.label_bias.tolist() if self.classes else [0.0]
            parts = zip(done.x.split(chains), done.log_weights.split(chains), offset, strict=True)
            found = [Annealed(x, log_weights, log_z_start + d) for x, log_weights, d in parts]
            self.log_z.copy_(torch.tensor([each.log_z for each in found]))
            self.log_z_error.copy_(torch.tensor([each.error for each in found]))
            self.log_z_of.copy_(self._fingerprint())
        return found

    def exact_log_z(self) -> Float[Tensor, " classes"]:
        """log Z (of each class) as the sum over the states of the smaller side.

        Raises:
            ValueError: If both sides have more than 20 units.
        """
        if min(self.hidden, self.space.dims) > FEW:
            raise ValueError(
                f"Enumeration takes up to {FEW} hidden or visible units, got {self.hidden} and {self.space.dims}. "
                "Take estimate_log_z()."
            )
        shifts = self.label_weight.T if self.classes else torch.zeros_like(self.hidden_bias)[None]
        by_hidden, parts = self.hidden <= self.space.dims, []
        for states in binary_states(min(self.hidden, self.space.dims), self.dtype, self.device):
            if by_hidden:
                rest = softplus(states @ self.weight + self.visible_bias).sum(1)
                parts.append((states @ (self.hidden_bias + shifts).T + rest[:, None]).logsumexp(0))
            else:
                inputs = self._inputs(states)[:, None] + shifts
                parts.append((softplus(inputs).sum(2) + (states @ self.visible_bias)[:, None]).logsumexp(0))
        log_z = torch.stack(parts).logsumexp(0)
        return log_z + self.label_bias if self.classes else log_z

    def extra_repr(self) -> str:
        learns = f"chains={self.chains}" if self.chains else "from the data"
        return f"{self.space}, given={self.given_space}, hidden={self.hidden}, steps={self.steps}, {learns}"

    def _log_z(self) -> Tensor:
        """log Z of the weights as they are: what is kept, if they have not changed since."""
        exact = self.likelihood is Likelihood.EXACT
        if exact and torch.is_grad_enabled():
            return self.exact_log_z()
        with torch.no_grad():
            if torch.equal(self.log_z_of, self._fingerprint()):
                return self.log_z
            if exact:
                self.log_z.copy_(self.exact_log_z())
                self.log_z_of.copy_(self._fingerprint())
                return self.log_z
            for trouble in {each.trouble for each in self.estimate_log_z()} - {""}:
                warnings.warn(f"log Z of this RBM is not to be trusted. {trouble}", stacklevel=2)
        return self.log_z

    def _fingerprint(self) -> Tensor:
        """Two sums over the weights, that change when they do."""
        flat = torch.cat([parameter.detach().double().flatten() for parameter in self.parameters()])
        places = torch.arange(1, len(flat) + 1, device=flat.device)
        return torch.stack([flat.sum(), (flat * places.double().sqrt()).sum()]).to(self.log_z_of)

    def _inputs(self, v: Tensor, label: Tensor | None = None) -> Tensor:
        """What each hidden unit sees."""
        inputs = v @ self.weight.T + self.hidden_bias
        return inputs if label is None else inputs + self.label_weight.T[label]

    def _over_labels(self, v: Tensor) -> Tensor:
        """(B, C): −F(v, y) but for the visible biases, for every y."""
        return softplus(self._inputs(v)[:, :, None] + self.label_weight).sum(1) + self.label_bias

    def _flat(self, x: Tensor) -> Tensor:
        return x.flatten(1).to(self.dtype)

    def _label(self, given: Given, n: int) -> Tensor | None:
        """The label of each row, −1 where there is none; None in a machine without label units."""
        if not self.classes:
            return None
        return labels_of(given, n, self.device)

    def _units(self, batch: Batch) -> Units:
        given = self.training_given(batch)
        return Units(self._flat(batch.x), self._label(given, len(batch)))

    def _start(self, n: int, noise: Noise, label: Tensor | None) -> Units:
        """Chains at their beginning: pixels at the data's base rates, any label where none is given."""
        v = noise.bernoulli(self.base.to(self.dtype).sigmoid().expand(n, -1))
        return self._labeled(Units(v, label), noise)

    def _labeled(self, units: Units, noise: Noise) -> Units:
        """Units with a label drawn where there is none."""
        if units.label is None:
            return units
        return Units(units.v, torch.where(units.label < 0, noise.integers(self.classes, len(units.v)), units.label))

    def _swept(self, units: Units, noise: Noise) -> Units:
        """Units after k sweeps, through which no gradient flows."""
        with torch.no_grad():
            for _ in range(self.steps):
                units = self.sweep(units, noise)
        return units

    def _move_chains(self, now: Instant) -> None:
        """Moves the persistent chains under the new weights; every process moves all of them alike."""
        units = Units(self.chain_v.to(self.dtype), self.chain_label if self.classes else None)
        self._keep(self._swept(units, now.noise))

    def _keep(self, units: Units) -> None:
        self.chain_v.copy_(units.v)
        if units.label is not None:
            self.chain_label.copy_(units.label)


class Interpolated:
    """The machine at β between one without couplings and itself: log f_β, and the sweep that leaves it as it is.

    Args:
        model: The machine.
        beta: β.
        label: The class of each chain.

    Example:
        >>> model = RBM(Space((3,), levels=2), hidden=2)
        >>> round(Interpolated(model, 0.0, None)(torch.zeros(1, 3)).item(), 4)  # 2 log 2
        1.3863
    """

    def __init__(self, model: RBM, beta: float, label: Tensor | None) -> None:
        self.model, self.beta, self.label = model, beta, label
        self.bias = torch.lerp(model.base.to(model.dtype), model.visible_bias, beta)

    def __call__(self, v: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
        return v @ self.bias + softplus(self.beta * self.model._inputs(v, self.label)).sum(1)

    def kernel(self) -> Kernel:
        """A sweep at β."""

        def step(state: Chains, noise: Noise) -> Chains:
            h = noise.bernoulli((self.beta * self.model._inputs(state.x, self.label)).sigmoid())
            v = noise.bernoulli((self.beta * (h @ self.model.weight) + self.bias).sigmoid())
            return Chains(v, state.accept)

        return Kernel(lambda v: Chains(v, certain(v)), step)


def _check(space: Space, hidden: int, steps: int, chains: int, sweeps: int) -> None:
    if space.levels != 2 or space.ragged:
        raise ValueError(f"RBM is a model of binary data, got {space}. Binarize pixels: --binarize dynamic.")
    if hidden < 1 or steps < 1 or chains < 0 or sweeps < 0:
        raise ValueError(
            f"`hidden` and `steps` must be at least 1, `chains` and `sweeps` not negative, got {hidden}, {steps}, "
            f"{chains} and {sweeps}."
        )
