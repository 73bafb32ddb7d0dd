"""What is measured of samples, by what they are: vectors and images, texts, molecules, tables.

A suite holds samples against an exam: held-out rows, and as many training rows in the samples' place, whose numbers
are the floor that a perfect model would reach.
"""

import copy
import dataclasses
import functools
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.given import GivenLike, map_given
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.data import Data, Rows
from genzoo.data.chemistry import PROPERTIES
from genzoo.data.codecs.molecules import MoleculeCodec
from genzoo.data.codecs.table import TableCodec
from genzoo.data.codecs.text import SpellingCodec
from genzoo.distributions.estimate import NotFinite, Unknowable
from genzoo.distributions.mmd import GaussianKernel, median_width
from genzoo.distributions.resampling import require_rows
from genzoo.evaluation.diversity import diversity_within
from genzoo.evaluation.extractors import Extractor, RandomFeatures, Values
from genzoo.evaluation.frechet import frechet_of_features
from genzoo.evaluation.judge import Judge, is_picture
from genzoo.evaluation.judge_scores import conditional_fidelity, judge_score
from genzoo.evaluation.kernel import kernel_distance
from genzoo.evaluation.manifold import Manifold, precision_recall
from genzoo.evaluation.measurement import BESIDE, Better, Estimate, Kind, Measurement, TooFew
from genzoo.evaluation.memorization import find_copies
from genzoo.evaluation.molecules import Canonical, canonical, molecule_metrics, property_errors, valid
from genzoo.evaluation.raw_values import StandardValues, plain_values
from genzoo.evaluation.rows import spread
from genzoo.evaluation.scale import check_scale
from genzoo.evaluation.table_scores import shuffled, table_scores
from genzoo.evaluation.tables import Columns, columns_of
from genzoo.evaluation.texts import copied, distinct, ngram_distance, repetition
from genzoo.evaluation.transport import sliced_transport
from genzoo.evaluation.two_sample import two_sample_test

__all__ = ["Exam", "Found", "Suite", "on_molecules", "on_table", "on_texts", "on_vectors", "suite_of"]

MOST = 10_000  # real rows that are looked at
LARGEST = 1 << 28  # values of training rows among which copies are looked for; more of them are thinned
MANY = 2000  # rows of a side, for what costs their product
SEARCHED, SHOWN, LEAST_HELD = 1000, 16, 100  # samples looked up among all training rows; those shown; for a threshold
log = logging.getLogger("genzoo.progress")
LONG = 50  # letters that are a copy and no chance
HIDDEN = 32  # units of the classifier that tells samples from real rows


@dataclass(frozen=True)
class Found:
    """What a suite found.

    Attributes:
        measurements: The numbers.
        by_class: The judge's agreement with each class asked for.
        neighbors: The training rows nearest to the first samples.
        omitted: What could not be measured, and why.
    """

    measurements: list[Measurement]
    by_class: dict[str, Estimate] = field(default_factory=dict)
    neighbors: Tensor = field(default_factory=lambda: torch.empty(0))
    omitted: dict[str, str] = field(default_factory=dict)


Suite = Callable[["Exam", Tensor, GivenLike], Found]
Made = tuple[str, Callable[[], Estimate], Better]
Distance = Callable[[Tensor, Tensor], Estimate]


class Exam:
    """What samples are held against; what is costly is made once for all models.

    Args:
        data: The data.
        rows: The held-out rows.
        known: The training rows.
        extractor: What sees samples and rows.
        samples: How many samples there will be.
        seed: Names what is drawn: halves, lines, folds.
        notes: What else the numbers depend on.
    """

    def __init__(
        self, data: Data, rows: Rows, known: Rows, extractor: Extractor, *, samples: int, seed: int = 0, **notes: Any
    ) -> None:
        self.data, self.rows, self.extractor = data, rows, extractor
        self.known = spread(known, max(MOST, LARGEST // data.space.dims))
        self.samples, self.seed, self.notes = samples, seed, notes
        self.plain = plain_values(known, table=isinstance(data.codec, TableCodec))

    def __call__(self, x: Shaped[Tensor, "n *shape"], given: GivenLike) -> Found:
        """Holds samples against the held-out rows; each number stands beside what training rows reach."""
        found = self.suite(self, x, given)
        measurements = [
            dataclasses.replace(
                m, floor=self.floors.get(m.name) if m.floor is None else m.floor, control=self.controls.get(m.name)
            )
            for m in found.measurements
        ]
        return dataclasses.replace(found, measurements=measurements)

    def of(self, samples: int) -> "Exam":
        """The same exam for another number of samples; what does not depend on it is kept."""
        other = copy.copy(self)
        other.samples = samples
        vars(other).pop("floors", None)
        vars(other).pop("controls", None)
        return other

    def first(self, x: Shaped[Tensor, "n *shape"], **protocol: Any) -> Measurement | None:
        """The first distance of those that pictures are held against real ones by, alone; None with too few rows.

        Args:
            x: Samples.
            protocol: In what they are made unlike the others.
        """
        eye, count = self.extractor, min(len(x), len(self.features), MANY)
        if isinstance(eye, Judge):
            made: Made = ("Fréchet", lambda: frechet_of_features(eye(x), self.features), "lower")
        else:
            few = _thinned(x, count), _thinned(self.features, count)
            made = ("sliced Wasserstein", lambda: sliced_transport(eye(few[0]), few[1], seed=self.seed), "lower")
        seen = {"extractor": f"{eye.name} {eye.fingerprint}"} | protocol
        found = _measured(self, _marked([made], _blindness(eye)), **seen)
        return next((dataclasses.replace(m, floor=self.floors.get(m.name)) for m in found.measurements), None)

    @functools.cached_property
    def suite(self) -> "Suite":
        """The suite that suits the data."""
        return suite_of(self.data)

    @functools.cached_property
    def floors(self) -> dict[str, float]:
        """What as many training rows reach in the samples' place."""
        x, given = _some(self.known, self.samples)
        return {m.name: m.value for m in self.suite(self, x, given).measurements if m.floor is None}

    @functools.cached_property
    def controls(self) -> dict[str, float]:
        """What as many training rows of a table reach with every column in an order of its own, and what molecules do
        that were asked to be others."""
        if self.suite is on_molecules:
            x, given = _some(self.known, self.samples)
            order = Noise(self.seed, "others").permutation(len(x)).numpy()
            others = {name: values[order] for name, values in _wishes(self.data, given).items()}
            return {m.name: m.value for m in _errors(self, self.spelled(x), others)}
        if self.suite is not on_table:
            return {}
        mixed = shuffled(*_some(self.known, self.samples), self.seed)
        return {m.name: m.value for m in _of_columns(self, *mixed).measurements}

    @functools.cached_property
    def columns(self) -> tuple[Columns, Columns]:
        """Held-out rows of a table by column, and training rows."""
        codec, classes = self.data.codec, self.data.classes
        assert isinstance(codec, TableCodec)
        held, known = (columns_of(codec, *part, classes) for part in (self.real, _some(self.known, MOST)))
        return held, known

    @functools.cached_property
    def real(self) -> tuple[Tensor, GivenLike]:
        """Held-out rows, evenly spread."""
        return _some(self.rows, MOST)

    @functools.cached_property
    def features(self) -> Float[Tensor, "m D"]:
        """The held-out rows as the extractor sees them."""
        return self.extractor(self.real[0])

    @functools.cached_property
    def random(self) -> RandomFeatures:
        """A network with random weights, as a further eye."""
        return RandomFeatures(self.data.space, dims=64)

    @functools.cached_property
    def width(self) -> float:
        """The width of a kernel that suits the held-out rows."""
        return median_width(self.features)

    @functools.cached_property
    def known_values(self) -> Float[Tensor, "r D"]:
        """All training rows as vectors, among which copies are looked for."""
        return self.plain(self.known.x)

    @functools.cached_property
    def known_texts(self) -> list[str]:
        """The training rows as texts."""
        return self.spelled(_some(self.known, 50 * MOST)[0])

    @functools.cached_property
    def known_molecules(self) -> Canonical:
        """The training molecules as RDKit writes them."""
        return Canonical(smiles for smiles in canonical(self.known_texts) if smiles is not None)

    def diversity(self, features: Tensor, asked: Tensor) -> Estimate | None:
        """The diversity within a class as a share of that of real rows; None where a class has too few."""
        labels = self.real[1]
        if not isinstance(labels, Tensor):
            return None
        try:
            found = diversity_within(features, asked, *(_thinned(part, MANY) for part in (self.features, labels)))
        except TooFew:
            return None
        ours, real = found.samples, found.real
        error = math.hypot((ours.error or 0) / ours.value, (real.error or 0) / real.value) if ours.value else 0.0
        return Estimate(ours.value / real.value, ours.value / real.value * error)

    @functools.cached_property
    def texts(self) -> list[str]:
        """The held-out rows as texts."""
        return self.spelled(self.real[0])

    def spelled(self, x: Tensor) -> list[str]:
        """Rows as texts."""
        codec = self.data.codec
        if not isinstance(codec, SpellingCodec):
            raise TypeError(f"Rows must spell texts, got those of {type(codec).__name__}.")
        return codec.texts(x)

    def conditions(self, n: int) -> GivenLike:
        """Conditions for n samples: those of held-out rows, evenly spread, again and again."""
        _, given = _some(self.rows, n)
        again = torch.arange(n) % min(n, len(self.rows))
        return map_given(lambda part: part[again], given)

    def why(self, needed: Exception) -> str:
        """Why something could not be measured; where rows are too few, of which there must be more."""
        cause, held = str(needed), len(self.rows)
        if not isinstance(needed, TooFew) or held >= self.samples:
            return cause
        whole = " without missing cells" if any(column.missing for column in self.data.space.columns or ()) else ""
        return (
            f"{cause.removesuffix(' Draw more.')} Only {held:,} rows{whole} are held out: give more, or another split."
        )

    def measurement(
        self, name: str, found: Estimate, better: Better = "lower", *, floor: float | None = None, **protocol: Any
    ) -> Measurement:
        """A statistic of samples as a measurement."""
        said = {"seed": self.seed} | self.notes | protocol
        rows = self.rows.fingerprint
        value, error = found
        return Measurement(name, value, error, Kind.STATISTIC, "", self.samples, rows, said, floor, better)


def suite_of(data: Data) -> Suite:
    """The suite that suits data.

    Args:
        data: The data.
    """
    codec = data.codec
    if isinstance(codec, MoleculeCodec):
        return on_molecules
    if isinstance(codec, SpellingCodec):
        return on_texts
    return on_table if isinstance(codec, TableCodec) else on_vectors


def on_vectors(exam: Exam, x: Shaped[Tensor, "n *shape"], given: GivenLike) -> Found:
    """Images, points and all that is a vector of fixed length: distances between features."""
    check_scale(x, exam.real[0], exam.data.space)
    eye, real, seed = exam.extractor, exam.features, exam.seed
    features = eye(x)
    count = min(len(features), len(real), MANY)
    few = _thinned(features, count), _thinned(real, count)
    shares = functools.cache(lambda: precision_recall(*few, seed=seed))
    moved: Made = ("sliced Wasserstein", lambda: sliced_transport(*few, seed=seed), "lower")
    kernel: Made = ("KID", lambda: kernel_distance(*few), "lower")
    if not isinstance(eye, Judge):
        kernel = ("MMD", lambda: kernel_distance(*few, GaussianKernel(exam.width)), "lower")
    made: list[Made] = [("Fréchet", lambda: frechet_of_features(features, real), "lower"), kernel]
    made.insert(len(made) if isinstance(eye, Judge) else 0, moved)  # plain values are no bell curves
    made += [(name, lambda name=name: getattr(shares(), name), "higher") for name in Manifold._fields]  # type: ignore[misc]
    made.append(("two-sample accuracy", lambda: two_sample_test(*few, hidden=HIDDEN, seed=seed).accuracy, "lower"))
    judged, by_class = _judged(exam, x, features, given)
    blind = _blindness(eye) if is_picture(exam.data.space) else ""
    found = _measured(exam, _marked([*made, *judged], blind), extractor=f"{eye.name} {eye.fingerprint}")
    beside = _beside(exam, x) if isinstance(eye, Judge) and is_picture(exam.data.space) else Found([])
    copies, neighbors, lacking = _copies(exam, x)
    measurements = [*found.measurements, *copies, *beside.measurements]
    return Found(measurements, by_class, neighbors, found.omitted | beside.omitted | lacking)


def on_texts(exam: Exam, x: Shaped[Tensor, "n *shape"], given: GivenLike) -> Found:
    """Texts: n-grams, repetition, and what stands in the training text letter for letter."""
    texts, real, seed = exam.spelled(x), exam.texts, exam.seed
    made: list[Made] = [
        ("n-gram distance", lambda: ngram_distance(texts, real[: 2 * len(texts)], seed=seed), "lower"),
        ("distinct 4-grams", lambda: distinct(texts, 4), "neither"),
        ("repetition", lambda: repetition(texts), "neither"),
    ]
    found = _measured(exam, made)
    if sum(len(text) >= LONG for text in texts) > 1:
        name = f"copied ({LONG} letters)"
        try:
            share, held = (copied(some, exam.known_texts, length=LONG).share for some in (texts, real[: len(texts)]))
        except TooFew as needed:
            found.omitted[name] = exam.why(needed)
        else:
            found.measurements.append(exam.measurement(name, share, floor=held.value))
    return found


def on_molecules(exam: Exam, x: Shaped[Tensor, "n *shape"], given: GivenLike) -> Found:
    """Molecules: how many are some, are new, and have the properties of real ones."""
    log.debug("looking at molecules, those of training too")
    try:
        found = molecule_metrics(exam.spelled(x), exam.texts, exam.known_molecules, seed=exam.seed)
    except TooFew as needed:  # hardly one is a molecule
        share = _measured(exam, [("valid", lambda: valid(exam.spelled(x)), "higher")])
        return dataclasses.replace(
            share, omitted=share.omitted | {"unique, novel, diversity, properties": exam.why(needed)}
        )
    made = [(name, getattr(found, name)) for name in ("valid", "unique", "novel", "diversity")]
    measured = [exam.measurement(name, estimate, "higher") for name, estimate in made]
    measured += [exam.measurement(f"{name} distance", estimate) for name, estimate in found.distances.items()]
    return Found([*measured, *_errors(exam, exam.spelled(x), _wishes(exam.data, given))])


def _wishes(data: Data, given: GivenLike) -> dict[str, np.ndarray]:
    """The properties that molecules are asked for, by name; NaN where nothing is."""
    single = isinstance(given, Tensor)
    named = {str((data.origin or {}).get("given")): given} if isinstance(given, Tensor) else given or {}
    found = {}
    for name, rows in named.items():
        if name in PROPERTIES:
            words = data.classes.get("" if single else name)
            values = rows.double() if words is None else torch.tensor([*map(float, words), torch.nan])[rows].double()
            found[name] = values.cpu().numpy()
    return found


def _errors(exam: Exam, texts: Sequence[str], wishes: Mapping[str, np.ndarray]) -> list[Measurement]:
    """How far molecules are from what they were asked to be."""
    return [exam.measurement(f"{name} error", each) for name, each in property_errors(texts, wishes).items()]


def on_table(exam: Exam, x: Shaped[Tensor, "n *shape"], given: GivenLike) -> Found:
    """Tables: each column and each pair of columns, beside what holds for all vectors."""
    vectors, tables = on_vectors(exam, x, given), _of_columns(exam, x, given)
    return dataclasses.replace(
        vectors,
        measurements=[*vectors.measurements, *tables.measurements],
        omitted=vectors.omitted | tables.omitted,
    )


def _of_columns(exam: Exam, x: Shaped[Tensor, "n D"], given: GivenLike) -> Found:
    """What is measured of a table by its columns."""
    codec, classes, found = exam.data.codec, exam.data.classes, Found([])
    if not isinstance(codec, TableCodec):
        return found
    mine = columns_of(codec, x, given, classes)
    for score in table_scores(mine, *exam.columns, seed=exam.seed):
        log.debug("measuring %s", score.name)
        try:
            value = score.measure()
            floor = None if score.floor is None else score.floor()
        except (ValueError, ImportError) as needed:  # too few rows, no scikit-learn, one word in all of a column
            found.omitted[score.name] = exam.why(needed)
        else:
            made = exam.measurement(score.name, value, score.better, floor=floor, **score.protocol)
            found.measurements.append(made)
    return found


def _measured(exam: Exam, made: Sequence[Made], **protocol: Any) -> Found:
    """What could be measured; what needs more rows, an extra or finite numbers is left out, and says so."""
    found = Found([])
    for name, measure, better in made:
        log.debug("measuring %s", name)
        try:
            found.measurements.append(exam.measurement(name, measure(), better, **protocol))
        except (TooFew, NotFinite, Unknowable, ImportError) as needed:
            found.omitted[name] = exam.why(needed)
    return found


def _beside(exam: Exam, x: Tensor) -> Found:
    """What raw values and random features say of pictures: told beside the rest, and ranking none."""
    found, x, real = Found([]), _thinned(x, MANY), _thinned(exam.real[0], MANY)
    moved: Distance = functools.partial(sliced_transport, seed=exam.seed)
    for name, eye, distance in (
        ("sliced Wasserstein", exam.plain, moved),
        ("Fréchet", exam.random, frechet_of_features),
    ):
        made: Made = (name, functools.partial(distance, eye(x), eye(real)), "lower")
        part = _measured(exam, _marked([made], _blindness(eye)), extractor=f"{eye.name} {eye.fingerprint}")
        found = Found([*found.measurements, *part.measurements], omitted=found.omitted | part.omitted)
    return found


def _blindness(eye: Extractor) -> str:
    """The mark of measurements in features that do not know what pictures show; empty for others."""
    raw, random = BESIDE
    return raw if isinstance(eye, Values | StandardValues) else random if isinstance(eye, RandomFeatures) else ""


def _marked(made: Sequence[Made], mark: str) -> list[Made]:
    return [(f"{name} {mark}".strip(), measure, better) for name, measure, better in made]


def _judged(exam: Exam, x: Tensor, features: Tensor, given: GivenLike) -> tuple[list[Any], dict[str, Estimate]]:
    """What a judge says of the samples: how clear and varied they are, and whether they are what was asked for."""
    eye = exam.extractor
    if not isinstance(eye, Judge) or not eye.knows(exam.data):
        return [], {}
    probabilities = eye.probabilities(x)
    made: list[Made] = [("judge score", lambda: judge_score(probabilities), "higher")]
    if not isinstance(given, Tensor) or not _is_label(exam.data.given_space, probabilities.shape[1]):
        return made, {}
    found, spread = conditional_fidelity(probabilities, given), exam.diversity(features, given)
    made.append(("conditional fidelity", lambda: found.overall, "higher"))
    made += [] if spread is None else [("diversity", lambda: spread, "neither")]
    return made, {eye.settings.classes[label]: share for label, share in found.by_class.items()}


def _is_label(space: Any, classes: int) -> bool:
    """Whether a condition is a label of so many classes."""
    return isinstance(space, Space) and not space.shape and space.levels == classes


def _copies(exam: Exam, x: Tensor) -> tuple[list[Measurement], Tensor, dict[str, str]]:
    """The share of samples that lie suspiciously near to a training row, and the rows nearest to the first of them."""
    few = x[:SEARCHED]
    try:
        require_rows(len(exam.real[0]), LEAST_HELD, "A threshold for copies")
        held = exam.plain(_thinned(exam.real[0], SEARCHED))
        found = find_copies(exam.plain(few), exam.known_values, held)
    except (TooFew, NotFinite) as needed:
        return [], x[:0], {"copies": exam.why(needed)}
    nearest = exam.known.gather(found.rows[:SHOWN])[0]
    return [exam.measurement("copies", found.share, "lower", floor=found.floor, searched=len(few))], nearest, {}


def _thinned(x: Shaped[Tensor, "n *rest"], most: int) -> Shaped[Tensor, "m *rest"]:
    """At most so many rows, evenly spread."""
    n = min(most, len(x))
    return x[torch.arange(n) * len(x) // max(1, n)]


def _some(rows: Rows, most: int) -> tuple[Tensor, GivenLike]:
    """The rows with their conditions, or as many as `most`, evenly spread."""
    return spread(rows, most).head(most)
