"""Runs loaded back from their folders.

It stands apart from training, so that a command that asks a trained model loads neither readers of data nor the loop.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from genzoo._files import read_json, told
from genzoo.core.game import Trainable
from genzoo.core.given import GivenAsked, GivenSpace
from genzoo.core.model import GenerativeModel
from genzoo.core.noise import seeded
from genzoo.training.precision import half_on
from genzoo.zoo import store
from genzoo.zoo.bounds import bounded_by
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Recipe, recipe_named, with_runs

if TYPE_CHECKING:
    from genzoo.data import Codec, Data

__all__ = ["Codecs", "Run", "load", "loaded", "read_codecs", "rebuilt"]


class Codecs(NamedTuple):
    """The ways between rows and files.

    Attributes:
        x: Of what the model makes.
        given: Of the conditions that are more than numbers, by name.
    """

    x: "Codec"
    given: "Mapping[str, Codec]"


@dataclass(frozen=True)
class Run:
    """A trained model with its folder.

    Attributes:
        path: The folder.
        config: All that the run depends on.
        model: The model, in eval mode; `generative` is the same where it is a distribution of x.
        codec: Turns its samples into files.
        metrics: The rows of metrics of its training.
        given_codecs: Read the conditions that are more than numbers, by name, from words and files.
    """

    path: Path
    config: store.RunConfig
    model: Trainable
    codec: "Codec"
    metrics: list[dict[str, Any]] = field(repr=False)
    given_codecs: "Mapping[str, Codec]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.model, GenerativeModel) and self.model.given_space:
            about = self.model.given_space, self.config.data, self.given_codecs
            self.model.spelled = functools.partial(_spelled, *about)

    def __repr__(self) -> str:
        steps = f"{self.metrics[-1]['step']:,} steps" if self.metrics else "no step"
        return f"Run({str(self.path)!r}: {self.config.recipe.name} on {self.data_name}, {steps})"

    @property
    def data_name(self) -> str:
        """The name of the data it was trained on."""
        return self.config.data.name

    @property
    def generative(self) -> GenerativeModel:
        """The model, as one of x.

        Raises:
            Mistake: If it is none, but an encoder, say, that a later stage stands on.
        """
        if not isinstance(self.model, GenerativeModel):
            raise Mistake(
                f"A run must be of a model of x to be asked this, got {type(self.model).__name__} in {self.path}.",
                "Ask the run of which it is a stage.",
            )
        return self.model

    def data(self, *, online: bool = False) -> "Data":
        """The data it was trained on, read again from where they came.

        Args:
            online: Whether they may be fetched from the hub, at the commit that the run names.

        Raises:
            Mistake: If they were given as tensors, are no longer the same, or would have to be fetched.
        """
        from genzoo.zoo.inputs import same_data

        return same_data(self.config, online=online).data


def load(path: str | Path) -> Run:
    """The run in a folder, with its model ready to use.

    Args:
        path: The run's folder.

    Raises:
        Mistake: If the folder is no run, was written in another format, or its weights are missing or do not fit.

    Example:
        >>> load("no/such/run")
        Traceback (most recent call last):
        ...
        genzoo.zoo.mistakes.Mistake: A run must be a folder, got 'no/such/run', which is none. ...
    """
    path = Path(path)
    config = store.read_config(path)
    codecs = read_codecs(path)
    _check_codecs(path, config, codecs)
    return Run(path, config, loaded(path, config), codecs.x, store.read_metrics(path), codecs.given)


def read_codecs(path: Path) -> Codecs:
    """The codecs in a run's folder.

    Raises:
        Mistake: If their file is missing or spoilt.
    """
    from genzoo.data.codecs.catalog import codec_from_json

    with told(str(path / store.CODEC), "say how samples become files", "Restore it.", Mistake):
        kept = read_json(path / store.CODEC)
        given = {name: codec_from_json(fields) for name, fields in kept["given"].items()}
        return Codecs(codec_from_json(kept["x"]), given)


def _check_codecs(path: Path, config: store.RunConfig, codecs: Codecs) -> None:
    """Refuses codecs that are of other rows than the run."""
    from genzoo.data.codecs.catalog import check_codec

    space, given = config.spaces
    spaces = given if isinstance(given, Mapping) else {"": given}
    with told(str(path / store.CODEC), "fit the run", "Restore it.", Mistake):
        check_codec(codecs.x, space)
        for name, codec in codecs.given.items():
            check_codec(codec, spaces[name])


def loaded(path: Path, config: store.RunConfig) -> Trainable:
    """The trained model of a run's folder, in eval mode.

    Args:
        path: The folder.
        config: The run's.

    Raises:
        Mistake: If its weights are missing or of another model.
    """
    model = rebuilt(path, config).model
    store.fill(model, path / store.WEIGHTS)
    return model.eval()


def rebuilt(path: Path, config: store.RunConfig, before: Sequence[Path] = ()) -> Recipe:
    """A stage of a run, untrained, over the models of the stages before it: those in their folders, or untrained.

    Args:
        path: The stage's folder.
        config: Its configuration.
        before: The folders of the stages before it, if they are needed.
    """
    info, (space, given) = recipe_named(config.recipe.name), config.spaces
    precise = config.train.precision == "float64"
    can_be_built = told(str(path / store.CONFIG), "describe a model that can be built", "Restore it.", Mistake)
    with can_be_built, seeded(config.train.seed), bounded_by(store.weights_of(path, config)):
        built = info(space, given, **_arguments(path, config))
        for k in range(config.stage - 1):
            if before:
                store.fill(built.model.double() if precise else built.model, before[k] / store.WEIGHTS)
                built.model.eval()
            if built.then is not None:
                built = built.then(built.model)
    if precise:
        return built._replace(model=built.model.double())
    if config.train.precision == "bf16" and half_on(torch.device("cpu")).quick:
        _draw_in_half(built.model)
    return built


def _draw_in_half(model: Trainable) -> None:
    """Lets the diffusions in a model that was trained in bfloat16 draw so, too."""
    from genzoo.models.diffusion import Diffusion

    for part in model.modules():
        if isinstance(part, Diffusion):
            part.in_half = True


def _arguments(path: Path, config: store.RunConfig) -> dict[str, Any]:
    """A run's arguments of its recipe, the runs among them as they lie in its folder."""
    arguments = recipe_named(config.recipe.name).checked(**config.recipe.arguments)
    return with_runs(arguments, lambda name, run: store.embedded(path, config, name) or run)


def _spelled(
    spaces: GivenSpace, data: store.DataRecord, codecs: "Mapping[str, Codec]", given: Any, n: int
) -> GivenAsked:
    """A condition with rows in the place of words, as the command line understands them."""
    if given is None or isinstance(given, Tensor):
        return given
    from genzoo.zoo.conditions import spelled

    return spelled(spaces, data, codecs, given, n)
