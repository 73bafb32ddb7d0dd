"""Recipes: one function per named model, whose typed keywords are the whole configuration of the model.

A recipe is a function of the data's space and condition that assembles a model and says how it is best trained. What
a list, a form or a command line needs of it — its family, what its likelihood means, what it can do, its paper, its
arguments — is data beside the function, so that listing recipes costs no torch.
"""

import dataclasses
import functools
import importlib
import importlib.metadata
import inspect
import pkgutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    ParamSpec,
    Required,
    TypedDict,
    Unpack,
    cast,
)

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake, unknown

if TYPE_CHECKING:
    from genzoo.core.game import Trainable
    from genzoo.core.model import GenerativeModel
    from genzoo.data import Data

__all__ = [
    "Amount",
    "Count",
    "DropGiven",
    "GivenSpaceLike",
    "Positive",
    "Recipe",
    "RecipeInfo",
    "RunPath",
    "Share",
    "Size",
    "known",
    "recipe",
    "recipe_named",
    "recipes",
    "unconditional",
    "with_runs",
]

P = ParamSpec("P")

GivenSpaceLike = Space | Mapping[str, Space] | None
Size = Literal["small", "paper"]
Answer = Literal["class", "cluster", "component"]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Amount = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
DropGiven = Annotated[
    float,
    Field(ge=0, lt=1, description="The share of each condition dropped in training: null ones and guidance need it."),
]
Columns = Literal["reals", "levels", "both", "own"]
Want = Literal["image", "backbone", "condition", "image condition", "pairs"]

GROUP = "genzoo.recipes"
LARGEST = 1 << 20  # no width, depth or count of a model is meant to be larger
NATS = "nats/row of reals, bits/dim of levels"  # as evaluations tell them
PSEUDO = f"−log pseudo-likelihood, or −log p where states can be summed, {NATS}"
LOSSES = {"exact": f"−log p, {NATS}", "bound": f"−(bound on log p), {NATS}"}  # of most recipes, by their likelihood


class Recipe(NamedTuple):
    """A model with the settings that train it well, and what is trained after it: one stage of a run, or its only one.

    Attributes:
        model: The model, ready to train; of a stage before the last it may be a plain `Trainable`, such as an encoder.
        config: How to train it; what the user sets goes before.
        then: Builds the next stage from the trained model of this one. What it takes of it must stand in the next
            model's own weights, for these alone are loaded.
        share: This stage's part of the budget, in proportion to those of the others.
        sees: The data as this stage sees them, such as `unconditional`; by default all rows and conditions.
    """

    model: "Trainable"
    config: TrainConfig = TrainConfig()
    then: "Callable[[Any], Recipe] | None" = None
    share: float = 1.0
    sees: "Callable[[Data], Data] | None" = None


def by_column(built: Recipe, space: Space) -> Recipe:
    """The recipe of a model of reals, and of its further stages, as one of rows with a kind by column.

    Args:
        built: The recipe over reals.
        space: What a row is; it has columns.
    """
    from genzoo.models.dequantized import Dequantized
    from genzoo.models.standardized import Standardized

    model, then = cast("GenerativeModel", built.model), built.then
    inner, rows = (model.model, model.rows) if isinstance(model, Standardized) else (model, 50_000)
    seen = Dequantized(Standardized(inner, rows=rows, precise=True), space.columns or ())
    if then is None:
        return built._replace(model=seen)

    def further(trained: "GenerativeModel") -> Recipe:
        return by_column(then(trained.model if isinstance(trained, Dequantized) else trained), space)

    return built._replace(model=seen, then=further)


def unconditional(data: "Data") -> "Data":
    """The data without their conditions, for a stage that has none.

    Args:
        data: The data of the run.
    """
    return dataclasses.replace(data, given=None, given_space=None, classes={}, given_codecs={}, given_splits=None)


class RunPath(str):
    """An argument of a recipe that names a finished run, such as a teacher or a classifier.

    The other run's record and weights are copied into the new run's folder: what stands in its configuration is where
    they came from, and they may be gone when it is loaded. A recipe reads it by `genzoo.load`.

    Example:
        >>> def distilled(space, given=None, *, teacher: RunPath):
        ...     model = genzoo.load(teacher).model
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        plain = core_schema.no_info_before_validator_function(
            lambda value: str(value) if isinstance(value, Path) else value, core_schema.str_schema(min_length=1)
        )
        return core_schema.no_info_after_validator_function(cls, plain)


def with_runs(arguments: Mapping[str, Any], change: Callable[[str, RunPath], Any]) -> dict[str, Any]:
    """A recipe's arguments with the runs that they name changed.

    Args:
        arguments: Values by name; a list may name several runs.
        change: What becomes of a run, by the name of its argument: in a list, with its number behind.

    Example:
        >>> with_runs({"size": "small", "teachers": [RunPath("a"), RunPath("b")]}, lambda name, run: f"{name}={run}")
        {'size': 'small', 'teachers': ['teachers-0=a', 'teachers-1=b']}
    """

    def changed(name: str, value: Any) -> Any:
        if isinstance(value, RunPath):
            return RunPath(change(name, value))
        if isinstance(value, list | tuple):
            return [changed(f"{name}-{i}", part) for i, part in enumerate(value)]
        return value

    return {name: changed(name, value) for name, value in arguments.items()}


class RecipeInfo(Generic[P]):
    """A recipe function with its declarations: call it as the function; arguments are checked.

    Attributes:
        function: The function as written.
        name: Its name.
        family: The folder of `genzoo.models` in which its model lives.
        likelihood: What `log_prob` returns on real numbers.
        on_levels: What it returns on discrete data.
        can: What its models can do, each as far as the data allow (a score needs real numbers).
        paper: Authors, year, identifier.
        extra: The optional extra it needs, if any.
        ragged: Whether rows may be of unlike lengths.
        columns: How it takes rows with a kind by column: a model of "reals" sees them as such, dequantized; one of
            "levels" takes columns of levels as they are, each with its own number, or refuses them; one of "both"
            takes levels so, and all others as reals; each column of its "own" kind, whichever they are.
        answers: What it predicts of a row: a "class" that is its x, given the row; the number of a "cluster" that is
            its latent, or of a "component", which has a probability; else nothing.
        compared: The options under which its samples are compared with those of others.
        sampling: The options of its sampling by name, as `SAMPLING` describes them.
        loss: What its training lowers, with the unit; "" where no word says it.
        knows: What its models tell by themselves: "impute", entries given the others; "where", how likely a region is,
            and what is in it. How exactly, the ability itself says.
        wants: What it cannot do without: x that is an "image" or a "backbone", a "condition", an "image condition", or
            "pairs" of x and condition that belong together.

    Example:
        >>> info = recipe_named("vae")
        >>> info.family, info.likelihood
        ('autoencoders', 'bound')
        >>> info.checked(latent="4")["latent"]
        4
    """

    def __init__(self, function: Callable[P, Recipe], declared: "Declared") -> None:
        functools.update_wrapper(self, function)
        self.function, self.name = function, function.__name__
        self.family, self.likelihood, self.paper = declared["family"], declared["likelihood"], declared["paper"]
        self.can = tuple(declared["can"])
        self.on_levels = declared.get("on_levels", self.likelihood)
        self.extra = declared.get("extra")
        self.ragged = declared.get("ragged", False)
        self.columns: Columns = declared.get("columns", "reals")
        self.answers = declared.get("answers")
        self.compared = dict(declared.get("compared", {}))
        self.sampling = tuple(declared.get("sampling", ()))
        self.loss = declared.get("loss", LOSSES.get(self.likelihood, ""))
        self.knows = tuple(declared.get("knows", ()))
        self.wants = tuple(declared.get("wants", ()))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Recipe:
        """The recipe for a space and a condition; keywords are the model's whole configuration.

        What is a model of reals sees rows with a kind by column as reals, its likelihood being of the rows.

        Raises:
            Mistake: If the rows are of unlike lengths and the recipe wants them alike, or it wants images or a
                condition and there are none.
        """
        space = args[0] if args else None
        if isinstance(space, Space):
            self._check_wants(space, args[1] if len(args) > 1 else kwargs.get("given_space"))
        if isinstance(space, Space) and space.ragged and not self.ragged:
            able = ", ".join(name for name, info in recipes().items() if info.ragged)
            raise Mistake(f"{self.name} wants rows of one length, got {space}.", f"Take {able}, or cut the rows.")
        if isinstance(space, Space) and self.columns == "levels" and space.columns and not space.is_discrete:
            raise self._of_levels(space)
        arguments = self.checked(**kwargs)
        positional: tuple[Any, ...] = (args[1] or None, *args[2:]) if len(args) > 1 else ()  # no names: no condition
        function: Callable[..., Recipe] = self.function
        if not isinstance(space, Space) or not self._sees_reals(space):
            try:
                return function(space, *positional, **arguments)
            except ValueError as error:
                if isinstance(space, Space) and "entries of one kind" in str(error):
                    raise self._of_levels(space) from None
                raise
        return by_column(function(Space(space.shape), *positional, **arguments), space)

    @property
    def summary(self) -> str:
        """The first sentence of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def likelihood_on(self, space: Space) -> str:
        """What `log_prob` returns on a space."""
        if space.is_real or not self._sees_reals(space):
            return self.likelihood if space.is_real else self.on_levels
        return "bound" if self.likelihood == "exact" else self.likelihood

    def _check_wants(self, space: Space, given_space: Any) -> None:
        """Raises where something is not there that the recipe cannot do without."""
        spaces = [given_space] if isinstance(given_space, Space) else list((given_space or {}).values())
        if "image" in self.wants and not _is_image(space):
            raise Mistake(f"{self.name} makes images of at least 4×4, got {space}.", "Take another for numbers.")
        if "condition" in self.wants and not spaces:
            raise Mistake(f"{self.name} needs a condition, got none.", "Name one with --given, or train r3gan.")
        if "image condition" in self.wants and not (len(spaces) == 1 and _is_image(spaces[0])):
            told = " and ".join(map(str, spaces)) or "none"
            raise Mistake(
                f"{self.name} makes an image of an image, so its condition must be one image, got {told}.",
                "Read a folder of two folders and name one of them with --given.",
            )

    def _of_levels(self, space: Any) -> Mistake:
        """The error where columns are of several kinds."""
        able = (name for name, info in recipes().items() if info.columns != "levels" and not info.wants)
        both = [name for name in able if {"sample", "log_prob"} <= set(recipe_named(name).can)]
        return Mistake(
            f"{self.name} is a model of entries of one kind, got {space}.",
            f"Take one that sees each column as what it is ({', '.join(both)}), or name columns of one kind with --x.",
        )

    def _sees_reals(self, space: Space) -> bool:
        """Whether its model sees the columns of a space as reals."""
        if space.columns is None or self.columns in ("levels", "own"):
            return False
        return self.columns == "reals" or not space.is_discrete

    def samples(self, arguments: Mapping[str, Any]) -> bool:
        """Whether its model samples: a representation does so only with a prior over its codes."""
        return "sample" in self.can or arguments.get("prior", "none") != "none"

    @functools.cached_property
    def arguments(self) -> type[BaseModel]:
        """The keywords as a pydantic model, with types and defaults from the signature, texts from the docstring, or
        from the type where many recipes share an argument."""
        texts = _argument_texts(inspect.getdoc(self.function) or "")
        fields: dict[str, Any] = {}
        for parameter in inspect.signature(self.function).parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY:
                if parameter.annotation is parameter.empty:
                    raise TypeError(
                        f"Every setting of a recipe must have a type, got none for {parameter.name!r} of {self.name}. "
                        "Write it into the signature."
                    )
                default = ... if parameter.default is parameter.empty else parameter.default
                text = texts.get(parameter.name)
                field = Field(default) if text is None else Field(default, description=text)
                fields[parameter.name] = (parameter.annotation, field)
        return create_model(self.name, __config__=ConfigDict(extra="forbid", protected_namespaces=()), **fields)

    def checked(self, **settings: Any) -> dict[str, Any]:
        """All arguments in full: those given, checked and converted, and the defaults.

        Raises:
            Mistake: If a name is unknown (the nearest is named) or a value does not fit its type.
        """
        known = self.arguments.model_fields
        for name in settings:
            if name not in known:
                raise unknown(f"setting of recipe {self.name}", name, known)
        try:
            values = self.arguments(**settings)
        except ValidationError as error:
            raise invalid(f"{self.name}", error) from None
        found = {name: getattr(values, name) for name in known}
        for name, value in found.items():
            if (largest := _largest(value)) > LARGEST:
                cause = f"The setting {name} of {self.name} must be at most {LARGEST:,}, got {largest:,}."
                raise Mistake(cause, f"Choose a smaller {name}.")
        return found

    def plain(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Checked arguments as plain JSON, for the record of a run."""
        return self.arguments(**arguments).model_dump(mode="json")

    def to_json(self) -> dict[str, Any]:
        """The declarations and the schema of the arguments, for lists, forms and documentation."""
        names = ("name", "family", "summary", "likelihood", "on_levels", "paper", "extra")
        schema = self.arguments.model_json_schema()
        return {name: getattr(self, name) for name in names} | {"can": list(self.can), "arguments": schema}

    def __repr__(self) -> str:
        return f"<recipe {self.name} ({self.family}, likelihood: {self.likelihood})>"


class Declared(TypedDict, total=False):
    """What a recipe says of itself, beside its function; `recipe` describes it."""

    family: Required[str]
    likelihood: Required[str]
    can: Required[Sequence[str]]
    paper: Required[str]
    on_levels: str
    extra: str
    ragged: bool
    columns: Columns
    answers: Answer
    compared: Mapping[str, Any]
    sampling: Sequence[str]
    loss: str
    knows: Sequence[Literal["impute", "where"]]
    wants: Sequence[Want]


def recipe(**declared: Unpack[Declared]) -> Callable[[Callable[P, Recipe]], RecipeInfo[P]]:
    """Declares a function to be a recipe; a test holds the declarations against what its models answer.

    Args:
        declared: The attributes of `RecipeInfo`: family, likelihood, can and paper, and others where they apply.
    """
    return lambda function: RecipeInfo(function, declared)


def _is_image(space: Space) -> bool:
    return len(space.shape) == 3 and min(space.shape[1:]) >= 4


@functools.cache
def recipes() -> dict[str, RecipeInfo[Any]]:
    """All recipes by name: those of genzoo, and those that other packages offer as entry points `genzoo.recipes`.

    Example:
        >>> sorted({"gaussian_mixture", "vae", "wgan_gp"} - set(recipes()))
        []
    """
    import genzoo.models as theory
    import genzoo.zoo as home

    families = {module.name for module in pkgutil.iter_modules(theory.__path__)}
    found = _recipes_in(
        [
            importlib.import_module(module.name)
            for module in pkgutil.walk_packages(home.__path__, f"{home.__name__}.")
            if module.name.split(".")[2] in families  # the zoo mirrors the models; beside them stands its machinery
        ]
    )
    return found | {name: info for name, info in _foreign().items() if name not in found}


def known(info: RecipeInfo[Any]) -> RecipeInfo[Any]:
    """A recipe, found by its name from now on in this process, as its runs are loaded by name.

    Args:
        info: The recipe; one of a name that was made known before takes its place.

    Raises:
        Mistake: If genzoo has one of that name itself.
    """
    other = recipes().setdefault(info.name, info)
    if other is not info and other.function.__module__.startswith("genzoo."):
        raise Mistake(
            f"genzoo has a recipe {info.name!r} itself, which yours cannot replace.", "Give it another name."
        )
    recipes()[info.name] = info
    return info


def recipe_named(name: str) -> RecipeInfo[Any]:
    """The recipe of a name.

    Raises:
        Mistake: If there is none; the nearest is named.

    Example:
        >>> recipe_named("vea")
        Traceback (most recent call last):
        ...
        genzoo.zoo.mistakes.Mistake: There is no recipe 'vea'. Did you mean 'vae'?
    """
    known = recipes()
    folded = name.replace("-", "_").lower()
    if folded not in known:
        raise unknown("recipe", name, known)
    return known[folded]


def invalid(what: str, error: ValidationError) -> Mistake:
    """What pydantic found wrong, as a mistake that names the field."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"][:1])
    if not where:  # a rule over several fields
        return Mistake(f"The settings of {what} do not fit together.", str(first["msg"]).removeprefix("Value error, "))
    return Mistake(
        f"The setting {where} of {what} does not accept {first['input']!r}: {first['msg'][:1].lower()}"
        f"{first['msg'][1:]}.",
        f"Correct {where}=… and try again.",
    )


def _largest(value: Any) -> int:
    """The largest whole number in an argument."""
    if isinstance(value, list | tuple):
        return max(map(_largest, value), default=0)
    return abs(value) if isinstance(value, int) else 0


def _recipes_in(modules: Sequence[Any]) -> dict[str, RecipeInfo[Any]]:
    infos = [value for module in modules for value in vars(module).values() if isinstance(value, RecipeInfo)]
    return {info.name: info for info in infos}


def _foreign() -> dict[str, RecipeInfo[Any]]:
    """Recipes of other packages; one that fails to load is skipped with a warning, for the rest must go on."""
    found: dict[str, RecipeInfo[Any]] = {}
    for entry in importlib.metadata.entry_points(group=GROUP):
        try:
            loaded = entry.load()
        except Exception as error:  # whatever another package's import may raise
            warnings.warn(f"the recipes of entry point {entry.name!r} could not be loaded: {error}", stacklevel=3)
            continue
        found |= {loaded.name: loaded} if isinstance(loaded, RecipeInfo) else _recipes_in([loaded])
    return found


def _argument_texts(docstring: str) -> dict[str, str]:
    """The texts of a docstring's Args section by argument."""
    texts: dict[str, str] = {}
    inside, name = False, ""
    for line in docstring.splitlines():
        if line.strip() == "Args:":
            inside = True
        elif inside and line.startswith("        ") and name:
            texts[name] += " " + line.strip()
        elif inside and line.startswith("    ") and ":" in line:
            name, _, text = line.strip().partition(":")
            texts[name] = text.strip()
        elif inside and line.strip():
            break
    return texts
