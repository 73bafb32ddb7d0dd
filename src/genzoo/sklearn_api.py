"""Any recipe as an estimator of scikit-learn.

    Estimator("gaussian_mixture", components=3).fit(X).score_samples(X)

`clone`, `Pipeline` and `GridSearchCV` work over the arguments of the recipe, frames of pandas go in and come out, and
what scikit-learn expects of an estimator, its `check_estimator` finds. A pickle holds plain values and the bytes of a
safetensors file: to read it back nothing is called but this class. It is needed to have scikit-learn: the extra
`sklearn`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

try:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils._tags import ClassifierTags, RegressorTags, TransformerTags
    from sklearn.utils.metaestimators import available_if
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise ImportError("genzoo.sklearn_api needs scikit-learn. Run: pip install 'genzoo[sklearn]'") from None

from genzoo.core import GenerativeModel, Noise, Space, seeded
from genzoo.core.errors import ColumnError, DataError
from genzoo.data import Rows, codec_from_json, read
from genzoo.data.codecs.table import TableCodec
from genzoo.data.recode import kinds_of, recoded
from genzoo.evaluation.likelihood import score as score_rows
from genzoo.models.classical import responsibilities
from genzoo.training import TrainConfig
from genzoo.training import train as train_model
from genzoo.training.config import BUDGETS
from genzoo.zoo import frames
from genzoo.zoo.frames import Target
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Recipe, RecipeInfo, recipe_named, recipes
from genzoo.zoo.run import check_fits

__all__ = ["Estimator"]

CHUNK = 4096  # rows at a time


def _can(capability: str) -> Callable[["Estimator"], bool]:
    """Whether the recipe offers something, asked before a method is shown."""
    return lambda estimator: capability in estimator._abilities()


def _predicts(*words: str) -> Callable[["Estimator"], bool]:
    """The same, or a target is named."""
    return lambda estimator: estimator._answer() in words or estimator.target is not None


def _answers(*words: str) -> Callable[["Estimator"], bool]:
    """Whether the recipe predicts such a thing of a row."""
    return lambda estimator: estimator._answer() in words


class Estimator(TransformerMixin, BaseEstimator):
    """A recipe that is fitted to an array, or to a frame of numbers and words.

    Which methods there are, the recipe says: `score_samples`, `score` (the mean log-likelihood; of a classifier, the
    accuracy) and `sample` of a density, `transform` and `inverse_transform` of what has a latent, `predict` and
    `predict_proba` of a classifier and of a mixture, `predict` of a clustering. Doubles are fitted in doubles.

    With a `target` a density predicts that column given the others, words by their probabilities, numbers by draws. It
    is fitted to all columns together, the target among them or as y; any other can be asked for, too.

    Args:
        recipe: Its name.
        train: Fields of `TrainConfig`, as {"steps": 2000}.
        random_state: Names every random draw of the fit: a whole number, a generator of NumPy, or None.
        validation_fraction: The share of rows kept aside, by whose loss the best model of a training is kept; with
            none aside the last is. Small tables want it where a recipe trains for long.
        target: The column to predict, by its name in frames or its number in arrays.
        settings: The recipe's arguments, as components=3.

    Raises:
        ValueError: When fitted, if a name is unknown, a value does not fit, or the rows are not what the recipe wants.

    Example:
        >>> from sklearn.model_selection import GridSearchCV
        >>> X = np.random.default_rng(0).normal(size=(150, 2)) + 9 * np.arange(150)[:, None] % 27
        >>> search = GridSearchCV(Estimator("gaussian_mixture"), {"components": [1, 3]}, cv=3).fit(X)
        >>> search.best_params_, search.best_estimator_.sample(4).shape
        ({'components': 3}, (4, 2))

    References:
        Buitinck et al., 2013, "API design for machine learning software", arXiv:1309.0238
    """

    def __init__(
        self,
        recipe: Any = "gaussian",  # what is set is looked at when it is fitted
        *,
        train: Any = None,
        random_state: Any = 0,
        validation_fraction: Any = 0.0,
        target: Any = None,
        **settings: Any,
    ) -> None:
        self.recipe = recipe
        self.train = train
        self.random_state = random_state
        self.validation_fraction = validation_fraction
        self.target = target
        self._settings = settings

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of this estimator, those of its recipe that were set among them; there is nothing deeper."""
        return super().get_params(deep) | self._settings

    def set_params(self, **params: Any) -> "Estimator":
        """Sets arguments by name, those of the recipe among them, which checks them when it is fitted."""
        own = set(self._get_param_names())
        for name, value in params.items():
            if name in own:
                setattr(self, name, value)
            else:
                self._settings = self._settings | {name: value}
        return self

    def fit(self, X: Any, y: Any = None) -> "Estimator":
        """Fits the recipe to rows, or to the classes of rows.

        Args:
            X: Rows of numbers.
            y: Their classes, for a classifier; else ignored.

        Raises:
            ValueError: If rows or arguments are not what the recipe wants.
        """
        info, codec = recipe_named(self.recipe), None
        X = frames.with_target(X, y, self.target)
        self._made: dict[str, Any] = {}
        if self._is_classifier():
            x, given = self._labelled(X, y)
            space = Space((1,), levels=len(self.classes_))
        elif frames.is_mixed(X):
            x, space, codec = self._columns(X, info)
            given = None
        else:
            x, given = self._rows(X, reset=True), None
            space = Space(tuple(x.shape[1:]))
        given_space = None if given is None else Space(tuple(given.shape[1:]))
        self._made = {
            "recipe": info.name,
            "settings": info.plain(info.checked(**self._settings)),
            "space": space.to_json(),
            "given": None if given_space is None else given_space.to_json(),
            "precise": codec is None and (x if given is None else given).dtype == torch.float64,
            "codec": None if codec is None else codec.to_json(),
        }
        seed = self._seed()
        with seeded(seed):
            built = self._built()
        if built.then is not None:
            raise Mistake(f"{info.name} is trained in two stages, and an estimator has one.", "Use genzoo.train.")
        if (asked := self._target(None)) is not None:
            frames.refuse_target(built.model, asked, info.name)
            self._set_classes(frames.classes_of(X, asked, self.words_of()))
        order = Noise(seed, "aside").permutation(len(x))
        aside, kept = order.split([few := self._aside(len(x)), len(x) - few])
        rows, valid = (Rows(x, given, index.sort().values, space, given_space) for index in (kept, aside))
        config = self._config(built.config, len(rows), seed, keep="best" if few else "last")
        try:
            model = self._double(built.model)
            self.model_ = train_model(model, rows, config, valid=valid if few else None, say=lambda remark: None).model
        except ColumnError as error:
            raise self._named(error) from None
        return self

    @available_if(_can("log_prob"))
    def score_samples(self, X: Any) -> np.ndarray:
        """log p(x) of every row in nats, or a bound on it, as the recipe's likelihood says.

        Args:
            X: Rows of numbers.
        """
        check_is_fitted(self, "model_")
        return score_rows(self.model_, self._rows(X), chunk=CHUNK).numpy()

    @available_if(lambda estimator: estimator._is_classifier() or _can("log_prob")(estimator))
    def score(self, X: Any, y: Any = None) -> float:
        """The mean log-likelihood of rows; where classes or targets are given, the share that is predicted, or R².

        Args:
            X: Rows.
            y: Their classes, for a classifier; or targets.
        """
        if self._is_classifier() or (self.target is not None and y is not None):
            return frames.goodness(y, self.predict(X), are_classes="classes_" in vars(self))
        return float(self.score_samples(X).mean())

    @available_if(_can("sample"))
    def sample(self, n_samples: int = 1, *, seed: int | None = None) -> Any:
        """Rows from the model, a frame if it was fitted to one.

        Args:
            n_samples: How many.
            seed: Names the noise; by default a fresh one.
        """
        check_is_fitted(self, "model_")
        drawn = self.model_.sample(n_samples, seed=seed)
        if self._made["codec"] is not None:
            return frames.as_frame(_codec(self._made), drawn)
        x = drawn.double().numpy()
        if "feature_names_in_" not in vars(self):
            return x
        from pandas import DataFrame

        return DataFrame(x, columns=self.feature_names_in_)

    def transform(self, X: Any) -> np.ndarray:
        """The latent of every row.

        Args:
            X: Rows of numbers.
        """
        check_is_fitted(self, "model_")
        with torch.no_grad():
            z = self.model_.encode(self._rows(X))
        return z.reshape(len(z), -1).numpy()

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Fits the recipe to rows and returns their latents.

        Args:
            X: Rows of numbers.
            y: Ignored.
        """
        return self.fit(X, y).transform(X)

    @available_if(_can("decode"))
    def inverse_transform(self, X: Any) -> np.ndarray:
        """The row of every latent.

        Args:
            X: Latents.
        """
        check_is_fitted(self, "model_")
        z = torch.tensor(np.asarray(X), dtype=torch.float64 if self._made["precise"] else torch.float32)
        with torch.no_grad():
            return self.model_.decode(z).numpy()

    @available_if(_can("encode"))
    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The names of the entries of a latent."""
        check_is_fitted(self, "model_")
        with torch.no_grad():
            count = self.model_.encode(torch.zeros(1, self.n_features_in_)).numel()
        return np.array([f"{self.recipe}{i}" for i in range(count)], dtype=object)

    @available_if(_answers("class"))
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """log p(class | row) of every row and class.

        Args:
            X: Rows of numbers.
        """
        check_is_fitted(self, "model_")
        given = self._rows(X)
        labels = [torch.full((len(given), 1), c, dtype=torch.uint8) for c in range(len(self.classes_))]
        with torch.no_grad():
            return torch.stack([self.model_.log_prob(label, given) for label in labels], dim=1).numpy()

    @available_if(_predicts("class", "component"))
    def predict_proba(self, X: Any, *, target: Any = None) -> np.ndarray:
        """p(class | row), of each of `words_of` a target given the other columns, or p(component | row).

        Args:
            X: Rows; they may lack the target.
            target: Another column than the estimator's.
        """
        check_is_fitted(self, "model_")
        if (asked := self._target(target)) is not None:
            return frames.probabilities(self.model_, self._partial(X, asked), asked)
        if not self._is_classifier():
            return responsibilities(self.model_, self._rows(X)).numpy()
        return np.exp(self.predict_log_proba(X))

    @available_if(_predicts("class", "cluster", "component"))
    def predict(self, X: Any, *, target: Any = None, quantiles: Any = None, draws: int = 100) -> np.ndarray:
        """The most probable class or word of every row, the mean of draws of a number, or its component or cluster.

        Args:
            X: Rows; they may lack the target.
            target: Another column than the estimator's.
            quantiles: Of draws of a number, in place of their mean.
            draws: How many.
        """
        check_is_fitted(self, "model_")
        if (asked := self._target(target)) is not None:
            frames.refuse_target(self.model_, asked, self._made["recipe"])
            own = "classes_" in vars(self) and asked == self._target(None)
            words = self.classes_ if own else self.words_of(asked.name)
            return frames.predicted(self.model_, self._partial(X, asked), asked, words, quantiles, draws)
        if not self._is_classifier():
            return self.model_.encode(self._rows(X)).numpy()
        return self.classes_[self.predict_log_proba(X).argmax(1)]

    def words_of(self, target: Any = None) -> list[str]:
        """The words of a column, in the order of `predict_proba`; none of numbers.

        Args:
            target: The column; by default the estimator's.
        """
        asked = self._target(target) if self._made["codec"] is not None else None
        return [] if asked is None else list(_codec(self._made).words.get(asked.name, ()))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if not _can("encode")(self):
            tags.transformer_tags = None
        else:
            tags.transformer_tags = TransformerTags(preserves_dtype=["float64", "float32"])
        tags.estimator_type = "density_estimator"
        tags.input_tags.allow_nan = self._policy() == "keep"
        if self._is_classifier() or "classes_" in vars(self):
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
            tags.target_tags.required = self._is_classifier()
        elif self.target is not None:
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Plain values and the bytes of a safetensors file."""
        state = {name: _plain(value) for name, value in vars(self).items() if name != "model_"}
        if "model_" in vars(self):
            weights = {name: tensor.contiguous() for name, tensor in self.model_.state_dict().items()}
            state["_weights"] = save(weights)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        weights = state.get("_weights")
        self.__dict__.update({name: _array(value) for name, value in state.items() if name != "_weights"})
        if weights is not None:
            model = self._double(self._built().model)
            model.load_state_dict(load(weights))
            self.model_ = model.eval()

    def _info(self) -> RecipeInfo[Any] | None:
        try:
            return recipe_named(self.recipe)
        except (Mistake, AttributeError, TypeError):  # told when it is fitted
            return None

    def _abilities(self) -> tuple[str, ...]:
        """What the recipe can do; a code that is an answer is told by `predict`."""
        info = self._info()
        if info is None or info.answers == "class":
            return ()
        return tuple(name for name in info.can if not (info.answers and name in ("encode", "decode")))

    def _answer(self) -> str | None:
        info = self._info()
        return None if info is None else info.answers

    def _is_classifier(self) -> bool:
        return self._answer() == "class"

    def _rows(self, X: Any, *, reset: bool = False) -> Tensor:
        """Rows as scikit-learn checks them, in the precision of the model; those of a frame with words as numbers."""
        if not reset and self._made["codec"] is not None:
            codec, space = _codec(self._made), Space.from_json(self._made["space"])
            validate_data(self, X, reset=False, skip_check_array=True)
            asked = {"x": list(codec.columns), "kinds": kinds_of(space, codec), "missing": self._policy()}
            return recoded(read(X, **asked), space, codec).x
        dtype: Any = [np.float64, np.float32]
        if not reset:
            dtype = np.float64 if self._made["precise"] else np.float32
        finite: Any = "allow-nan" if self._policy() == "keep" else True
        try:
            rows = validate_data(
                self, X, reset=reset, dtype=dtype, ensure_min_samples=2 if reset else 1, ensure_all_finite=finite
            )
        except ValueError as error:
            if "NaN" not in str(error):
                raise
            raise ValueError(f"{error}\n{self.recipe} takes no missing values; {self._marginalise()}.") from None
        return torch.from_numpy(np.array(rows, order="C"))

    def _target(self, target: Any) -> Target | None:
        """The column that is asked for, if any."""
        wanted = self.target if target is None else target
        names = list(map(str, vars(self).get("feature_names_in_", range(self.n_features_in_))))
        return None if wanted is None else Target.of(wanted, names)

    def _partial(self, X: Any, asked: Target) -> Tensor:
        """Rows that may lack the column that is asked for, and other cells."""
        if self._made["codec"] is not None:
            return frames.rows_without(X, asked, _codec(self._made))
        return frames.rows_without(X, asked, None).to(torch.float64 if self._made["precise"] else torch.float32)

    def _marginalise(self) -> str:
        """Who takes missing values, in words."""
        able = ", ".join(name for name, info in recipes().items() if "missing" in info.can)
        return f"these marginalise them: {able}"

    def _columns(self, X: Any, info: RecipeInfo[Any]) -> tuple[Tensor, Space, TableCodec]:
        """Rows of a frame with words, as `read` understands its columns."""
        validate_data(self, X, skip_check_array=True)
        try:
            data = read(X, missing=self._policy())
        except DataError as error:
            cause, passed, _ = str(error).partition(" Pass missing=")
            if not passed:
                raise
            raise ValueError(f"{cause} Drop those rows or fill them in; {self._marginalise()}.") from None
        check_fits(info.name, data, self._settings)
        if not isinstance(data.codec, TableCodec):
            raise ValueError(
                f"A frame with words must be a table of several columns, got {data.codec.kind}. Add some."
            )
        return data.x, data.space, data.codec

    def _policy(self) -> str:
        """What becomes of missing entries."""
        return "keep" if "missing" in self._abilities() else "error"

    def _labelled(self, X: Any, y: Any) -> tuple[Tensor, Tensor]:
        """The numbers of the classes, and the rows that they follow from."""
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        classes, numbers = frames.classes_in(y)
        self._set_classes(classes)
        return torch.from_numpy(numbers.astype(np.uint8))[:, None], torch.from_numpy(np.array(X, order="C"))

    def _set_classes(self, found: np.ndarray) -> None:
        """What is predicted; none of numbers."""
        if len(found):
            self.classes_ = found
        elif "classes_" in vars(self):
            del self.classes_

    def _named(self, error: ColumnError) -> ColumnError:
        """The error with the names of the frame's columns, if it was one."""
        names = vars(self).get("feature_names_in_")
        return error if names is None else error.named(list(map(str, names)))

    def _seed(self) -> int:
        state = self.random_state
        return int(state) if isinstance(state, int | np.integer) else int(check_random_state(state).randint(1 << 31))

    def _aside(self, rows: int) -> int:
        """How many rows are kept aside."""
        share = self.validation_fraction
        if not 0 <= share < 1 or (few := round(share * rows)) > rows - 2 or (share and few == 0):
            raise ValueError(
                f"`validation_fraction` must be a share in [0, 1) that leaves 2 rows to fit to and, if it is not 0, "
                f"1 row aside, got {share} of {rows} rows. Change it, or give more rows."
            )
        return few

    def _config(self, published: TrainConfig, rows: int, seed: int, *, keep: str) -> TrainConfig:
        """The recipe's settings of training under the user's: a budget of either kind replaces the recipe's."""
        wanted = dict(self.train or {})
        fields = published.model_dump() | {"device": "cpu", "seed": seed, "keep": keep, "patience": None}
        fields["batch_size"] = min(rows, published.batch_size)  # a start that looks at a batch sees each row once
        fields |= {"precision": "float64"} if self._made["precise"] else {}
        if wanted.keys() & set(BUDGETS):
            fields |= dict.fromkeys(BUDGETS)
        return TrainConfig(**fields | wanted)

    def _built(self) -> Recipe:
        """The recipe as it was when the fit began."""
        made = self._made
        given = None if made["given"] is None else Space.from_json(made["given"])
        return recipe_named(made["recipe"])(Space.from_json(made["space"]), given, **made["settings"])

    def _double(self, model: GenerativeModel) -> GenerativeModel:
        return model.double() if self._made["precise"] else model


# The mixin wraps `transform` for `set_output` when the class is made: only then can it be hidden where there is none.
for _name in ("transform", "fit_transform"):
    setattr(Estimator, _name, available_if(_can("encode"))(getattr(Estimator, _name)))


def _codec(made: dict[str, Any]) -> TableCodec:
    found = codec_from_json(made["codec"])
    assert isinstance(found, TableCodec)
    return found


def _plain(value: Any) -> Any:
    """An array as its type and values."""
    return {"array": value.dtype.str, "values": value.tolist()} if isinstance(value, np.ndarray) else value


def _array(value: Any) -> Any:
    return np.array(value["values"], dtype=value["array"]) if isinstance(value, dict) and "array" in value else value
