"""What the lectures show and claim, item by item, and where each is remade.

An item is a figure or an equation of a slide. Listing them costs nothing: what remakes one is imported when it runs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from genzoo.zoo.mistakes import Mistake, unknown

if TYPE_CHECKING:
    from genzoo.experiments.lectures.study import Study

__all__ = ["DECKS", "ITEMS", "LECTURERS", "Item", "coverage", "item_named", "items_of"]

DECKS = {
    "000": "Sampling, families, applications",
    "001": "From a Gaussian to variational autoencoders",
    "002": "Four ways to generate, conditions, and deep autoregressive models",
    "003": "Adversarial models, autoencoders, flows, diffusion",
    "004": "A zoo, its tricks, divergences, and autoregressive models",
}

LECTURERS = {"000": "Li", "002": "Amini", "003": "Sun", "004": "Isachenko"}  # of 001 no name is known


@dataclass(frozen=True)
class Item:
    """A figure or an equation of a slide.

    Attributes:
        number: The deck and the place in it, "003.7".
        title: What it shows or claims.
        cost: "s", seconds; "m", minutes; "h", up to an hour, so that a record is drawn unless a training is asked for.
        place: The module and the function that remake it, "words:generator"; None while it cannot be remade.
        lacks: What is to come before it can be remade.

    Example:
        >>> item_named("003.1").state, item_named("003.1").deck
        ('here', '003')
    """

    number: str
    title: str
    cost: Literal["s", "m", "h"]
    place: str | None = None
    lacks: str = ""

    @property
    def deck(self) -> str:
        """The number of its lecture."""
        return self.number.partition(".")[0]

    @property
    def state(self) -> Literal["here", "planned"]:
        """Whether it can be remade."""
        return "planned" if self.place is None else "here"

    def function(self) -> "Callable[[Study], None]":
        """What remakes it.

        Raises:
            Mistake: If something lacks.
        """
        import importlib

        if self.place is None:
            raise Mistake(f"{self.number} lacks what is to come: {self.lacks}.", "See what there is: genzoo lecture")

        module, _, name = str(self.place).partition(":")
        found: Any = getattr(importlib.import_module(f"genzoo.experiments.lectures.{module}"), name)
        return found

    def to_json(self) -> dict[str, Any]:
        """What a list says of it."""
        return {"number": self.number, "title": self.title, "cost": self.cost, "state": self.state}


ITEMS = (
    Item("000.1", "A linear congruential generator: its first words, its period, its lattice", "s", "uniform:words"),
    Item(
        "000.2", "Words that only appear random: the same generator under test, beside others", "m", "uniform:battery"
    ),
    Item("000.3", "Box and Muller: a square of uniform numbers becomes a normal cloud", "s", "uniform:normal_numbers"),
    Item(
        "000.4", "Ising's model: energies, conditionals, and Gibbs's sampler beside enumeration", "s", "spins:sampler"
    ),
    Item("000.5", "Many sweeps of Ising's lattice, below, at and above the critical temperature", "m", "spins:film"),
    Item("000.6", "A simple distribution becomes a complex one, in six ways", "m", "from_noise:six_ways"),
    Item(
        "000.7", "The chain rule over a graph: a joint table, samples in order, parameters counted", "s", "spins:net"
    ),
    Item(
        "000.8", "The loss of a variational autoencoder is −ELBO: reconstruction and divergence", "m", "guesses:loss"
    ),
    Item("000.9", "The Jensen–Shannon divergence in three ways", "s", "stacks:jensen_shannon"),
    Item("000.10", "The earth mover's distance: the least plan is the steepest potential", "s", "stacks:stacks"),
    Item("000.11", "From noise to data along the exact score of a mixture", "m", "from_noise:exact_score"),
    Item("000.12", "A wall of progress: seven years of images, the same data and minutes", "h", "recorded:progress"),
    Item("000.13", "Policies at a fork: explicit, implicit, diffusion", "m", "policies:fork"),
    Item("000.14", "One prompt in Chinese and in English", "m", "prompts:two_languages"),
    Item("000.15", "Ten small models on one set of pictures, under a corrected distance", "h", "recorded:linked"),
    Item("001.1", "A Gaussian fitted: the closed form is the top of the likelihood", "s", "clusters:gaussian"),
    Item("001.2", "k-means: assign, re-estimate, and ten starts that end apart", "s", "clusters:k_means"),
    Item("001.3", "Clusters that are not spheres: k-means and a mixture side by side", "s", "clusters:stretched"),
    Item(
        "001.4",
        "A mixture of Gaussians by expectation maximization: the likelihood never falls",
        "s",
        "clusters:expectation_maximization",
    ),
    Item("001.5", "k-means as the limit of a mixture whose variance vanishes", "s", "clusters:limit"),
    Item("001.6", "A mixture of infinitely many Gaussians", "m", "guesses:infinitely_many"),
    Item("001.7", "Naive sampling of a likelihood is doomed to fail", "s", "evidence:doomed"),
    Item("001.8", "A bound over free posteriors reaches log p", "s", "evidence:free"),
    Item("001.9", "What amortized inference loses", "m", "guesses:amortized"),
    Item("001.10", "A conditional autoencoder, told a class or a text", "m", "guesses:told"),
    Item("001.11", "Diffusion as an autoencoder of many levels", "m", "guesses:levels"),
    Item("001.12", "Inverse problems: medical images", "m", "scanners:scanners"),
    Item("001.13", "Outliers: clean, noisy and attacked images under a likelihood", "m", "suspects:attacked"),
    Item("001.14", "Several plausible answers to one degraded input", "s", "answers:several"),
    Item("001.15", "Which image is real?", "m", "suspects:which_is_real"),
    Item("002.1", "A limited budget: densities are positive and sum to one", "s", "registry:budget"),
    Item("002.2", "A parametric density moved over the data", "s", "fitting:moved"),
    Item("002.3", "A sentence grown symbol by symbol: its probability is the product", "s", "chains:sentence"),
    Item("002.4", "A family puzzle before and after tuning", "m", "prompts:puzzle"),
    Item("002.5", "Generation is compression: rate and distortion, and real bytes", "m", "pictures:compression"),
    Item("002.6", "The inspector examined: real, fake, D(x), and the push on the fakes", "m", "pictures:inspector"),
    Item("002.7", "A denoiser at every noise, and generation by denoising", "m", "pictures:denoiser"),
    Item("002.8", "One noise under each class, and the scale of guidance", "m", "pictures:classes"),
    Item("002.9", "One model, many speakers", "h", "recorded:voices"),
    Item("002.10", "Colorization, inpainting, uncropping, restoration", "m", "answers:four_tasks"),
    Item("002.11", "Logistic regression lowers a divergence", "s", "fitting:logistic"),
    Item("002.12", "Monte Carlo: errors fall with the square root, intervals hold", "s", "fitting:monte_carlo"),
    Item("002.13", "784 softmax regressions, one for each pixel", "m", "fitting:regressions"),
    Item("002.14", "The entropy is the highest likelihood that can be reached", "s", "fitting:ceiling"),
    Item("003.1", "The trick of training generators: which slope is left when D wins", "s", "games:slopes"),
    Item("003.2", "Games without a guarantee: spirals, cycles, and a step that foresees", "s", "games:saddle"),
    Item("003.3", "Mode collapse on the ring and the grid", "h", "recorded:mode_collapse"),
    Item("003.4", "The best discriminator, and what a generator then lowers", "s", "games:best_critic"),
    Item("003.5", "Two segments side by side: which distances have a slope", "s", "earth:segments"),
    Item("003.6", "Earth moved, its dual, and critics by clipping and by penalty", "m", "earth:critics"),
    Item("003.7", "Transposed convolutions, and the way between two latents", "m", "latents:transposed"),
    Item("003.8", "From a label to images, and from an image to its label", "m", "asked:labels_and_tags"),
    Item("003.9", "Images made of images, with and without pairs", "h", "recorded:translation"),
    Item("003.10", "Networks that grow, and truncated latents", "m", "asked:grown"),
    Item("003.11", "Autoencoders and their kin: a table of two by three", "m", "codes:table"),
    Item("003.12", "Smooth latents: a manifold, lines through it, and the price of β", "m", "latents:smooth"),
    Item("003.13", "Quantized codes: whose gradient goes where, and codes above codes", "m", "codes:quantized"),
    Item("003.14", "Normalizing flows: log-determinants layer by layer, at a cost linear in D", "m", "flows:layers"),
    Item("003.15", "A diffusion's forward law, and its bound part by part", "m", "diffusions:forward_and_bound"),
    Item("004.1", "The zoo of generative models, drawn from the registry", "s", "registry:zoo"),
    Item("004.2", "The log-derivative trick beside reparametrization", "s", "tricks:log_derivative"),
    Item("004.3", "Jensen's inequality, and the gap that more draws close", "s", "tricks:jensen"),
    Item("004.4", "Change of variables, in one dimension and downhill too", "s", "tricks:change_of_variables"),
    Item("004.5", "The law of the unconscious statistician", "s", "tricks:unconscious"),
    Item("004.6", "Dirac's delta as a distribution", "s", "tricks:delta"),
    Item("004.7", "A histogram as a model, and why it ends with few dimensions", "s", "counting:histogram"),
    Item("004.8", "How many parameters do we need?", "s", "counting:how_many"),
    Item("004.9", "One conditional model, eight kinds of condition", "m", "conditions:eight_kinds"),
    Item("004.10", "What a divergence is: axioms tried on every distance", "s", "measures:axioms"),
    Item("004.11", "Forward and reverse divergence from two modes", "s", "measures:covering"),
    Item("004.12", "The largest likelihood is the least forward divergence", "s", "measures:likelihood"),
    Item("004.13", "A perceptron of the last d values, discrete and continuous", "m", "chains:last_values"),
    Item("004.14", "Sampling in an order: what sees what, and what a cache saves", "m", "chains:order"),
    Item("004.15", "Half a picture completed", "m", "chains:half"),
)


def items_of(deck: str) -> Sequence[Item]:
    """The items of a deck.

    Args:
        deck: Its number, "003".

    Raises:
        Mistake: If there is none of that number.
    """
    if deck not in DECKS:
        raise unknown("deck", deck, DECKS)
    return [item for item in ITEMS if item.deck == deck]


def item_named(number: str) -> Item:
    """An item by its number.

    Args:
        number: As "003.7".

    Raises:
        Mistake: If there is none.

    Example:
        >>> item_named("004.7").title
        'A histogram as a model, and why it ends with few dimensions'
    """
    numbers = {item.number: item for item in ITEMS}
    if number not in numbers:
        raise unknown("item", number, numbers)
    return numbers[number]


def coverage(deck: str | None = None) -> tuple[int, int]:
    """How many items can be remade, and of how many.

    Args:
        deck: Of one deck only.
    """
    some = ITEMS if deck is None else items_of(deck)
    return sum(item.place is not None for item in some), len(some)
