"""The detectors: each a function from a training's journal to what is wrong, if that is.

What a loss is worth is not known, so a detector compares it with what training has gained, and with its own jitter.
What was seen of the model itself, its samples, codes or critic, stands in the journal as numbers (`looking`).
"""

import itertools
import math
import statistics
from collections.abc import Callable, Sequence

from genzoo.evaluation.critics import Standing
from genzoo.evaluation.memorization import Copying
from genzoo.evaluation.mode_collapse import Collapse
from genzoo.zoo.health.history import Curve, Finding, History

__all__ = ["DETECTORS", "Detector", "findings", "still_improving"]

Detector = Callable[[History], Finding | None]

FEW, JUDGED, BEFORE = 100, 5, 20  # steps; rows or validations; rows that say what is usual
HARM = 5.0  # standard deviations of a single row that a loss must have moved
SPIKE, GROWN = 100.0, 10.0  # a gradient over the median before it that has exploded; a loss of a game likewise
LOW, FLAT = 0.02, 0.01  # how far lr can have moved a weight that has not learned; the part of a loss that is no fall
HIGH, LOST, PEAK, SHAKES = 0.03, 0.25, 0.5, 0.5  # of lr; of what was gained; of a loss; of the jitter over the gain
LAG = 0.02  # of the gain
THIRD, RISE, AGREE = 1 / 3, 0.02, 0.5  # of the run; of the gain; Kendall's τ of a curve that rises
IMPROVES = 0.02  # of the gain, in the last quarter of the run
SILENT = 300  # steps in which healthy latents, too, may be silent
INFORMED, WAKES = 0.5, 1.2  # latents that say something, in the mean over batches; the growth of a rate that wakes
NOTHING = 1e-4  # the share of the rate at which a level of latents says nothing
LEAST_CODES = 0.25  # the share of codes in use below which the others are lost
BLIND = 1e-5  # the spread of what a critic says, over its size, at which it says the same of everything


def exploding_gradients(history: History) -> Finding | None:
    """A gradient that was a hundred times as large as it used to be, after which the loss has stayed worse."""
    for name in history.names:
        if name.rpartition("/")[2] != "gradient":
            continue
        norms = history.curve(name)
        place = _spike(norms)
        loss = history.curve(name.removesuffix("gradient") + "loss")
        if place is None or (harm := _harm(loss, norms.steps[place], alone=name == "gradient")) is None:
            continue
        usual = _usual(norms, place)
        of = f" of {name.rpartition('/')[0]}" if "/" in name else ""
        seen = (
            f"the gradient{of} was {norms.values[place]:.3g} up to step {norms.steps[place]:,}, "
            f"{norms.values[place] / usual:,.0f} times the median before, and {harm}"
        )
        return Finding("exploding gradients", seen, "Try clip_norm=1, a lower lr, or warmup=100.", history.step)
    return None


def _spike(norms: Curve) -> int | None:
    """The row whose gradient is largest beside the median of those before, if it has exploded."""
    found, largest = None, SPIKE
    for i in range(JUDGED, len(norms.values)):
        usual = _usual(norms, i)
        if usual > 0 and math.isfinite(norms.values[i]) and norms.values[i] >= largest * usual:
            found, largest = i, norms.values[i] / usual
    return found


def _usual(norms: Curve, place: int) -> float:
    """The median of the rows before one, 0 if they are too few."""
    before = [v for v in norms.values[max(0, place - BEFORE) : place] if math.isfinite(v)]
    return statistics.median(before) if len(before) >= JUDGED else 0.0


def _harm(loss: Curve, step: int, *, alone: bool) -> str | None:
    """What has become of a loss from a step on; the loss of one of several players may rise, but not grow tenfold."""
    since, before = loss.after(step - 1), loss.until(step - 1).finite
    if not since.values or len(before.values) < JUDGED:
        return None
    if math.isnan(since.values[-1]):
        return "the loss has not been finite since"
    was, now = before.middle(0.5), since.finite.middle(0.5)
    worse = (
        now - was > HARM * before.jitter if alone else abs(now) > GROWN * statistics.median(map(abs, before.values))
    )
    return f"the loss has gone from {was:.4g} to {now:.4g}" if worse and now != was else None


def low_rate(history: History) -> Finding | None:
    """A loss that has not moved, under a rate that cannot have moved anything."""
    loss, config = history.curve("loss").finite, history.config
    if not _is_learning(history, loss) or config.optimizer != "adamw":
        return None
    reach = config.lr * history.step * (0.5 if config.schedule == "cosine" else 1.0)
    fall = history.begin - loss.middle(0.9)
    if reach >= LOW or fall > max(FLAT * abs(history.begin), 2 * loss.jitter):
        return None
    moved = f"from {history.begin:.4g} to {loss.middle(0.9):.4g}"
    seen = f"the loss has gone {moved} in {history.step:,} steps of lr={config.lr:g}"
    return Finding(
        "learning rate too low", seen, f"Try lr={min(1e-3, 100 * config.lr):g}, or more steps.", history.step
    )


def high_rate(history: History) -> Finding | None:
    """A loss that does not fall under a high rate, shakes by half of what it has fallen, or has risen again."""
    loss, config, gain = history.curve("loss").finite, history.config, history.gain
    if not _is_learning(history, loss) or exploding_gradients(history):  # which says the same, and why
        return None
    first, last, lowest, jitter = history.begin, loss.middle(0.9), min(loss.smooth.values), loss.jitter
    peak = max(loss.values)
    rose, high = peak - first > max(HARM * jitter, PEAK * abs(first)), config.lr >= HIGH
    if last - lowest > max(LOST * gain, HARM * jitter) and _bound_rises(history):
        at = loss.steps[loss.smooth.values.index(lowest)]
        seen = f"the loss was {lowest:.4g} at step {at:,} and is {last:.4g} after {history.step:,}"
    elif (high or rose) and first - last < LOST * abs(first):
        told = f"{peak:.4g} at most" if rose else f"lr={config.lr:g}"
        seen = f"the loss does not fall: {first:.4g} at first, {told}, {last:.4g} after {history.step:,} steps"
    elif high and jitter > SHAKES * gain:
        seen = f"the loss goes up and down by {jitter:.3g} from row to row, and has fallen by {gain:.3g} in all"
    else:
        return None
    return Finding(
        "learning rate too high", seen, f"Try lr={config.lr / 10:g}, clip_norm=1, or warmup=100.", history.step
    )


def _bound_rises(history: History) -> bool:
    """Whether the bound has risen with the loss, where a loss weighs its parts anew as it goes on: distortion and rate
    together, if there are such."""
    parts = history.curve("distortion"), history.curve("rate")
    if not all(part.values for part in parts) or parts[0].steps != parts[1].steps:
        return True
    bound = Curve(parts[0].steps, [a + b for a, b in zip(parts[0].values, parts[1].values, strict=True)]).finite
    lowest = min(bound.smooth.values, default=0.0)
    gain = bound.values[0] - lowest if bound.values else 0.0
    return bool(bound.values) and bound.middle(0.9) - lowest > max(LOST * gain, HARM * bound.jitter)


def _is_learning(history: History, loss: Curve) -> bool:
    """Whether there is one loss that gradients lower, long enough to tell."""
    return "gradient" in history.names and not _is_short(history) and len(loss.values) >= 4 * JUDGED


def _is_short(history: History) -> bool:
    """Whether a training by gradients has made too few steps; a fit in passes makes few."""
    return "gradient" in history.names and history.step < FEW


def lagging_average(history: History) -> Finding | None:
    """An average of weights that is worse on validation rows than the weights themselves."""
    look = history.look("raw", "averaged")
    if look is None or not history.gain or (lag := look["averaged"] - look["raw"]) <= LAG * history.gain:
        return None
    share = history.config.ema or 0.0
    seen = (
        f"validation is {look['averaged']:.4g} by averaged weights and {look['raw']:.4g} by the last, {lag:.3g} better"
    )
    return Finding("average lags", seen, f"Try ema={share / 4:.2g}, ema=none, or more steps.", look["step"])


def overfitting(history: History) -> Finding | None:
    """Validation that has risen for a third of the run, while the loss went on falling."""
    valid, loss = history.curve("loss", "valid").finite, history.curve("loss").finite
    if len(valid.values) < JUDGED or not loss.values or _is_short(history):
        return None
    lowest = min(valid.values)
    best = valid.steps[valid.values.index(lowest)]
    since, last = valid.after(best), valid.steps[-1]
    if last - best < THIRD * last or len(since.values) < 3 or _tau(since.values) < AGREE:
        return None
    now, gain = since.middle(0.6), max(history.gain, valid.values[0] - lowest)
    begun = loss.until(best)
    falls = bool(begun.values) and loss.middle(0.9) < begun.middle(0.9)
    if not falls or now - lowest <= RISE * gain:
        return None
    rose = f"validation was {lowest:.4g} at step {best:,} and has risen to {now:.4g} since"
    seen = f"{rose}, while the loss fell to {loss.middle(0.9):.4g}"
    kept = "The best weights are kept" if history.config.keep == "best" else "keep=best would keep the best weights"
    return Finding(
        "overfitting", seen, f"{kept}; try more data, augment, weight_decay=0.1, or a smaller model.", history.step
    )


def _tau(values: Sequence[float]) -> float:
    """Kendall's τ of values with their order: 1 if each is above all before."""
    pairs = [math.copysign(1, b - a) if a != b else 0.0 for a, b in itertools.combinations(values, 2)]
    return sum(pairs) / len(pairs) if pairs else 0.0


def posterior_collapse(history: History) -> Finding | None:
    """Latents none of which says anything of x."""
    active, rate = history.curve("active").finite, history.curve("rate").finite
    if history.step < SILENT or len(active.values) < JUDGED or (now := active.middle(0.9)) >= INFORMED:
        return None
    if 2 * history.step < history.total or _wakes(rate):
        return None  # latents often fall silent at first, and find their words later
    told = f" and the rate is {rate.middle(0.9):.2g}" if rate.values else ""
    seen = f"{now:.2g} latents say more than 0.01 nats of a row{told}: samples are of the decoder alone"
    advice = "Try free nats (free=0.1), a slower warm-up of the rate, a smaller beta, or a weaker decoder."
    return Finding("posterior collapse", seen, advice, history.step)


def silent_level(history: History) -> Finding | None:
    """A level of a hierarchy of latents that says nothing, while others do."""
    rate = history.curve("rate").finite
    if history.step < SILENT or 2 * history.step < history.total or len(rate.values) < JUDGED:
        return None
    levels = {name: history.curve(name).finite for name in history.names if name.endswith("/rate")}
    least = NOTHING * (total := rate.middle(0.9))
    silent = [name.partition("/")[0] for name, each in levels.items() if each.values and each.middle(0.9) < least]
    if not silent or len(silent) == len(levels):
        return None
    seen = f"of {len(levels)} levels {', '.join(silent)} said less than {NOTHING:g} of the rate, {total:.2g}"
    return Finding("posterior collapse", seen, "Try free nats (free=0.1), or fewer levels.", history.step)


def _wakes(rate: Curve) -> bool:
    """Whether a rate is on the rise: that of the last tenth over that of a third before."""
    return len(rate.values) >= JUDGED and rate.middle(0.9) > WAKES * rate.middle(0.6, 0.7)


def mode_collapse(history: History) -> Finding | None:
    """Samples that repeat each other, or leave a part of the data out."""
    seen = [
        Collapse(look["apart"], look["precision"], look["coverage"])
        for look in history.looks("apart", "precision", "coverage")
    ]
    lately = seen[-1:] if history.step >= history.total else seen[-2:] if seen[1:] else []
    if not lately or not all(each.found for each in lately):  # on the way a game may yet spread out
        return None
    advice = (
        "Try r3gan or drifting, pack=4 or deviation=true of gan, a lower lr of the generator, or more critic_steps."
    )
    return Finding("mode collapse", str(seen[-1]), advice, history.step)


def codebook_collapse(history: History) -> Finding | None:
    """Codes most of which are never used."""
    look = history.look("codes", "codes_of", "codes_possible")
    if look is None or look["codes"] >= LEAST_CODES * look["codes_possible"]:
        return None
    level = f" of {look['codes_level']}" if look.get("codes_level") else ""
    seen = f"{look['codes']} of {look['codes_of']} codes{level} are used"
    advice = "Try quantizer=scalar or signs, which cannot lose codes, fewer codes, a lower lr, or averaged codes."
    return Finding("codebook collapse", seen, advice, look["step"])


def dead_critic(history: History) -> Finding | None:
    """A critic that teaches a generator nothing: it has won, knows rows by heart, or says the same of all."""
    look = history.look("ahead", "known", "known_error", "spread")
    if look is None:
        return None
    found = Standing(look["ahead"], look["known"], look["known_error"])
    if look["spread"] <= BLIND:
        seen = f"the critic says the same of all rows and samples, to within {look['spread']:.1g} of what it says"
        advice = "It is dead: try a lower critic_lr, a smaller penalty, or another network of the critic."
    elif found.overfit:
        seen = str(found)
        advice = "It knows rows by heart: try augment=0.6 where a recipe has it, more data, or fewer critic_steps."
    elif found.won:
        seen = str(found)
        advice = "No sample is like the data to it: try a larger penalty, a lower critic_lr, or fewer critic_steps."
    else:
        return None
    return Finding("dead discriminator", seen, advice, look["step"])


def memorization(history: History) -> Finding | None:
    """Samples that are copies of training rows."""
    look = history.look("copies", "copies_floor", "copies_n")
    if look is None or not (seen := Copying(look["copies"], look["copies_floor"], look["copies_n"])).found:
        return None
    advice = "It knows rows by heart: try more data, augment, fewer steps, a smaller model, or dropout."
    return Finding("memorization", str(seen), advice, look["step"])


DETECTORS: tuple[Detector, ...] = (
    exploding_gradients,
    low_rate,
    high_rate,
    lagging_average,
    overfitting,
    posterior_collapse,
    silent_level,
    mode_collapse,
    codebook_collapse,
    dead_critic,
    memorization,
)


def findings(history: History) -> list[Finding]:
    """All that is wrong with a training.

    Args:
        history: Its journal.

    Example:
        >>> from genzoo.training import TrainConfig
        >>> losses = [1.0, 0.5, 0.3, 0.2, 0.3, 0.4, 0.5, 0.6]
        >>> rows = [{"step": s, "split": "valid", "loss": v} for s, v in enumerate(losses)]
        >>> rows += [{"step": s, "split": "train", "loss": 1 / (1 + s)} for s in range(8)]
        >>> [found.sign for found in findings(History(rows, TrainConfig(), 8))]
        ['overfitting']
    """
    return [found for detector in DETECTORS if (found := detector(history)) is not None]


def still_improving(history: History) -> Finding | None:
    """Whether a loss was still falling at the end, of validation if there is one: no fault, but a run to make longer.

    Args:
        history: The journal of a training that has ended.
    """
    valid, loss = history.curve("loss", "valid").finite, history.curve("loss").finite
    curve = valid if len(valid.values) >= JUDGED else loss.smooth if len(loss.values) >= 4 * JUDGED else None
    if curve is None or curve.values[-1] > min(curve.values) + curve.jitter:
        return None
    quarter = next(v for s, v in zip(curve.steps, curve.values, strict=True) if s >= 0.75 * curve.steps[-1])
    fell, gain = quarter - curve.values[-1], max(history.gain, curve.values[0] - curve.values[-1])
    if fell <= max(IMPROVES * gain, HARM * curve.jitter):
        return None
    what = "validation" if curve is valid else "the loss"
    fallen = f"{what} fell by {fell:.3g} in the last quarter, to {curve.values[-1]:.4g}"
    seen = f"{fallen}: {fell / gain:.0%} of all that it fell"
    return Finding("still improving", seen, f"Try a longer run, as steps={2 * history.step}.", history.step)
