"""What the options of `sample` mean, whichever recipe has them."""

from typing import Any

from genzoo.zoo.mistakes import Mistake

__all__ = ["SAMPLING", "check_sampling"]

WHOLE = {"top_k", "ahead", "beams", "steps", "calls", "sweeps"}
FLAGS = {"noise", "anneal"}
WORDS = {"sampler", "grid", "guide", "method"}
MOST = 1e6  # of a number: beyond it single precision runs over on the way
FREE = {"prefix", "draft", "against"}  # a text or something else

SAMPLING = {
    "temperature": "Below 1: likelier samples, and less varied ones; 1 is the model.",
    "orders": "Orders of the columns, of which each sample takes one; 1 is the table's.",
    "prefix": "How every sample begins: a text, or a list of levels.",
    "psi": "How far the style w may stand from its mean: 1 is the model, 0.7 makes better, less varied samples.",
    "truncation": "The largest size of an entry of z: small ones make better samples, and less varied ones.",
    "top_k": "Draw every symbol among the k likeliest.",
    "min_p": "Draw every symbol among those at least so likely, as a share of the likeliest's probability.",
    "repetition": "At least 1; p to this power stands for the probability p of a symbol that has been said.",
    "ahead": "Guess so many symbols at a time and check them at once: the same samples, faster for few.",
    "draft": "A run of a smaller model of the same data, which guesses what is ahead.",
    "beams": "Look for the likeliest sequence along so many, in place of a draw.",
    "top_p": "Draw every symbol among the likeliest that have this share together.",
    "noise": "false: the mean of x given its latent in place of a draw, as pictures are by default.",
    "steps": "Steps from noise to a sample.",
    "calls": "Calls of the network, however many the sampler makes a step.",
    "sampler": "How steps are taken: euler, ddim, heun, multistep, ipndm, dpm2, dpm3, unipc, deis, adaptive; and with "
    "fresh noise ancestral, dpm_sde, churn, predictor_corrector. Of symbols: random, entropy (the surest first), "
    "remask (with second thoughts).",
    "grid": "Where the steps stop: uniform, quadratic, angle, karras, log_snr or diffusers.",
    "guidance": "How much more the condition counts; 0 is the model.",
    "guide": "What guidance makes of the answers with and without a condition: plain, rescaled (keeps the contrast), "
    "projected (across the answer only), zero_star (of fitted velocities).",
    "guided_from": "The least noise, in units of the signal, at which guidance is followed.",
    "guided_to": "The largest.",
    "against": "A condition to keep away from, in place of none.",
    "rate": "Of backbones: how fast rotations are settled, from 0, as the flow does; above, far better bonds.",
    "fresh": "Fresh noise on the way, from 0, the flow, to 1, the diffusion; 1 where the way has noise.",
    "bound": "Of the sampler entropy: how many nats those told together may tell of one another.",
    "sweeps": "Sweeps of the Markov chain for a sample.",
    "method": "How the chain moves, or auto.",
    "anneal": "true: chains start hot and cool down.",
}


def check_sampling(name: str, value: Any) -> None:
    """Refuses a value of an option that is of another kind: what is drawn would end in an error about types.

    Args:
        name: The option.
        value: Its value; None stands for what it is by default.

    Raises:
        Mistake: If it is of another kind.

    Example:
        >>> check_sampling("temperature", 0.7)
        >>> check_sampling("steps", 1.5)
        Traceback (most recent call last):
        ...
        genzoo.zoo.mistakes.Mistake: The sampling option steps must be a whole number, got 1.5. Write --set steps=50
    """
    if value is None or name in FREE or name not in SAMPLING:
        return
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    is_finite = (is_whole or isinstance(value, float)) and abs(value) <= MOST
    for names, kind, example, fits in (
        (WHOLE, "a whole number", "50", is_whole),
        (FLAGS, "true or false", "false", isinstance(value, bool)),
        (WORDS, "a word", "auto", isinstance(value, str)),
        (SAMPLING.keys() - WHOLE - FLAGS - WORDS, "a number within a million", "0.7", is_finite),
    ):
        if name in names and not fits:
            raise Mistake(
                f"The sampling option {name} must be {kind}, got {value!r}.", f"Write --set {name}={example}"
            )
