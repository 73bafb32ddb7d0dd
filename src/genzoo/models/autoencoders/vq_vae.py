"""Autoencoders whose latent is a map of codes: VQ-VAE and its relatives.

Codes are symbols, so that a model of symbols, a transformer, can take the prior's place afterwards.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.distributions import Distribution

from genzoo.core.abilities import Ability
from genzoo.core.errors import DataError
from genzoo.core.game import Batch, Instant, Objective, Player
from genzoo.core.given import NOTHING, Given, GivenAsked, GivenSpaceLike, RowsAsked
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.distributions.observation import Observation
from genzoo.models.abilities import Codes
from genzoo.models.autoencoders.adversary import Adversary
from genzoo.models.autoencoders.coder import FIRST, Coder, Coding, first, perplexity
from genzoo.models.autoencoders.quantizers import Quantized, Quantizer
from genzoo.models.mapped import some
from genzoo.nn.embedding import Conditioned
from genzoo.nn.maps import MapDecoder, MapEncoder, halvings_of

__all__ = ["VQVAE", "CodedAutoencoder"]


class CodedAutoencoder(Coder):
    """q(z | x) is one code at each of T places, p(x | z) as suits the space: see `Observation`.

    Args:
        space: What one x is.
        places: Height and width of the map of codes, or how many there are.
        encoder: Called as encoder(x, given); D numbers for each place.
        quantizer: From these to codes.
        decoder: Called as decoder(z, given), z being (B, D, *places).

    Example:
        >>> from genzoo.models.autoencoders import Codebook
        >>> both = CodedAutoencoder.conv(Space((1, 8, 8), levels=17), Codebook(16, 4), width=4)
        >>> both.latent, both.posterior(torch.zeros(5, 1, 8, 8, dtype=torch.uint8)).mean.shape
        (Space(shape=(4,), levels=16, ragged=False), torch.Size([5, 4]))

    References:
        van den Oord, Vinyals & Kavukcuoglu, 2017, "Neural discrete representation learning", arXiv:1711.00937
    """

    def __init__(
        self, space: Space, places: Sequence[int], encoder: nn.Module, quantizer: Quantizer, decoder: nn.Module
    ) -> None:
        super().__init__()
        self.space, self.places = space, tuple(places)
        self.latent = Space((torch.Size(self.places).numel(),), levels=quantizer.levels)
        self.encoder, self.quantizer, self.decoder = encoder, quantizer, decoder
        self.observation = Observation(space)

    def vectors(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Float[Tensor, "B D T"]:
        """What the encoder says of each place."""
        dtype = next(self.encoder.parameters()).dtype
        said: Tensor = self.encoder(Numbers(self.space, dtype).of(x), given or None).to(dtype)
        return said.flatten(2)

    def coding(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Coding:
        found: Quantized = self.quantizer(self.vectors(x, given))
        said = self.said(found.z, given)
        return Coding(found.codes, found.price, said, self.observation(said))

    def said(self, z: Float[Tensor, "B D T"], given: Given = NOTHING) -> Float[Tensor, "B *outputs"]:
        """What the decoder says, z being what codes stand for."""
        said: Tensor = self.decoder(z.unflatten(2, self.places), given or None)
        return said.to(z.dtype)

    def start(self, batches: Sequence[tuple[Tensor, Given]], noise: Noise) -> None:
        said = (self.vectors(x, given).transpose(1, 2).flatten(0, 1) for x, given in batches)
        self.quantizer.start(first(said), noise)

    def follow(self, now: Instant) -> None:
        self.quantizer.follow(now)

    def likelihood(self, z: Shaped[Tensor, "B T"], given: Given = NOTHING) -> Distribution:
        meant = self.quantizer.embed(z.long()).to(next(self.decoder.parameters()).dtype)
        law: Distribution = self.observation(self.said(meant, given))
        return law

    @classmethod
    def conv(
        cls,
        space: Space,
        quantizer: Quantizer,
        given_space: GivenSpaceLike = None,
        *,
        width: int = 16,
        halvings: int = 2,
        blocks: int = 1,
        embedding: int = 32,
    ) -> "CodedAutoencoder":
        """With convolutions, for images.

        Args:
            space: Images, (C, H, W).
            quantizer: From vectors to codes.
            given_space: What the networks are conditioned on, if anything.
            width: Channels at full size.
            halvings: How often the map of codes is halved.
            blocks: Residual blocks each way.
            embedding: The length of the condition's embedding.
        """
        across = embedding if given_space else 0
        outputs = (Observation(space).count * space.shape[0], *space.shape[1:])
        sizes: dict[str, Any] = {"width": width, "halvings": halvings, "blocks": blocks, "given": across}
        encoder = Conditioned(MapEncoder(space.shape, quantizer.dims, **sizes), given_space, across)
        decoder = Conditioned(MapDecoder(quantizer.dims, outputs, **sizes), given_space, across)
        return cls(space, halvings_of(space.shape[1], space.shape[2], halvings)[-1], encoder, quantizer, decoder)


class VQVAE(GenerativeModel):
    """An autoencoder with a map of codes, without a prior over them,

    $$ L = -\\log p(x \\mid z_q) + price, \\qquad z_q = quantized(e(x)). $$

    It encodes and decodes. A model of its codes makes it generate: `LatentModel(space, model.autoencoder, prior)`,
    whose bound is log p(x | z) + log p(z) at the codes of x. A training tells how many codes are in use as their
    perplexity.

    Args:
        space: What one x is.
        given_space: What the networks are conditioned on, if anything.
        autoencoder: Encoder, quantizer and decoder, of one level or of several.
        adversary: A critic that sees what is decoded, with which it is VQ-GAN; without one it is trained by its
            likelihood alone.
        drop_given: The share of conditions dropped in training.

    Example:
        >>> from genzoo.models.autoencoders import Codebook
        >>> space = Space((1, 8, 8), levels=17)
        >>> model = VQVAE(space, None, CodedAutoencoder.conv(space, Codebook(16, 4), width=4))
        >>> z = model.encode(torch.zeros(5, 1, 8, 8, dtype=torch.uint8))
        >>> z.shape, model.decode(z).shape
        (torch.Size([5, 4]), torch.Size([5, 1, 8, 8]))

    References:
        van den Oord, Vinyals & Kavukcuoglu, 2017, "Neural discrete representation learning", arXiv:1711.00937
        Esser, Rombach & Ommer, 2021, "Taming transformers for high-resolution image synthesis", arXiv:2012.09841
    """

    likelihood = Likelihood.NONE
    block = 1 << 17

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        autoencoder: Coder,
        *,
        adversary: Adversary | None = None,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        self.autoencoder, self.adversary, self.drop_given = autoencoder, adversary, drop_given

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Int[Tensor, "B T"]:
        """The codes of each x, place by place."""
        return self.autoencoder.coding(self.checked(x), self.checked_given(given, len(x))).codes

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Shaped[Tensor, "B *event"]:
        """The mean of p(x | z); of levels the one nearest to it.

        Raises:
            ValueError: If z are no codes.
        """
        codes = torch.as_tensor(z, device=self.device)
        levels, shape = self.autoencoder.latent.levels or 0, self.autoencoder.latent.shape
        if codes.is_floating_point() or codes.shape[1:] != shape or bool(((codes < 0) | (codes >= levels)).any()):
            raise ValueError(
                f"z must be codes in [0, {levels}) of shape {shape} a row, got {codes.dtype} of shape "
                f"{tuple(codes.shape[1:])}. Take what `encode` gives."
            )
        mean = self.autoencoder.mean(codes, self.checked_given(given, len(codes)))
        return mean.round().to(getattr(torch, self.space.dtype)) if self.space.is_discrete else mean

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        return self.losses(batch)["loss"]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The loss with its parts, in nats per row, and the perplexity of the batch's codes, level by level."""
        found = self.autoencoder.coding(batch.x, self.training_given(batch))
        distortion = -found.law.log_prob(batch.x).mean()
        told = {"distortion": distortion, "price": found.price.detach()}
        for name, places in (self.autoencoder.levels() or {"": slice(None)}).items():
            use = perplexity(found.codes[:, places], self.autoencoder.latent.levels or 0)
            told[f"{name}/perplexity".lstrip("/")] = use.to(distortion.dtype)
        return {"loss": distortion + found.price + self._seen(batch, found, distortion, told)} | told

    def critic_loss(self, batch: Batch) -> dict[str, Tensor]:
        """What the critic lowers, where there is one."""
        if self.adversary is None:
            raise ValueError("There is no critic whose loss could be told. Pass adversary=Adversary(…).")
        with torch.no_grad():
            made = self._made(self.autoencoder.coding(batch.x, self.training_given(batch)))
        return self.adversary.against(self._numbers(batch.x), made)

    def lowers(self) -> Objective:
        if self.adversary is not None:
            return Objective("distortion + price of codes + what a critic sees", ("distortion",), ("distortion",))
        return Objective("distortion + price of codes", nats=("loss", "distortion"), densities=("loss", "distortion"))

    def players(self) -> Sequence[Player]:
        if self.adversary is None:
            return [Player("model", self, self.losses, after=self._after)]
        return [
            Player("model", self.autoencoder, self.losses, after=self._after),
            Player("critic", self.adversary, self.critic_loss, optimizer={"betas": (0.5, 0.9)}),
        ]

    def abilities(self) -> list[Ability]:
        return [Coded(self)]

    @torch.no_grad()
    def prepare(self, batches: Iterable[Batch]) -> None:
        """Starts the codes from what the encoder says of the first rows."""
        kept = list(some(batches, FIRST))
        if not kept:
            raise DataError("Codes start from data, got no rows. Pass at least one batch.")
        noise = Noise(kept[0].noise.seed, *kept[0].noise.path, "start", device=kept[0].x.device)
        self.autoencoder.start([(batch.x, self.given_of(batch)) for batch in kept], noise)

    def draw(self, n: int, given: Given, noise: Noise, *_: Any, **options: Any) -> NoReturn:
        raise self.lacks(Capability.SAMPLE)

    def can(self, capability: Capability | str) -> bool:
        return Capability(capability) is not Capability.SAMPLE and super().can(capability)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, codes={self.autoencoder.latent}"

    def _seen(self, batch: Batch, found: Coding, distortion: Tensor, told: dict[str, Tensor]) -> Tensor:
        """What a critic adds to the loss: nothing before it begins, nor where nothing is trained."""
        if self.adversary is None or batch.progress < self.adversary.begins or not found.said.requires_grad:
            return distortion.new_zeros(())
        added = self.adversary.toward(self._numbers(batch.x), self._made(found), distortion, found.said)
        told |= {name: value for name, value in added.items() if name != "loss"}
        return added["loss"]

    def _made(self, found: Coding) -> Tensor:
        """The mean of p(x | z) as networks see it."""
        return self._numbers(found.law.mean)

    def _numbers(self, x: Tensor) -> Tensor:
        return Numbers(self.space, self.dtype).of(x)

    def _after(self, now: Instant) -> None:
        self.autoencoder.follow(now)


class Coded(Codes):
    """The codes of a model that has no prior over them yet."""

    def __init__(self, model: VQVAE) -> None:
        self.model, self.alphabet = model, model.autoencoder.latent.levels or 0

    def of(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Mapping[str, Int[Tensor, "B T"]]:
        codes = self.model.autoencoder.coding(x, given).codes
        return {
            name: codes[:, places] for name, places in (self.model.autoencoder.levels() or {"": slice(None)}).items()
        }
