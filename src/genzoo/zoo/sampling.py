"""What the options of `sample` mean, whichever recipe has them."""

__all__ = ["SAMPLING"]

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
    "fresh": "Fresh noise on the way, from 0, the flow, to 1, the diffusion; 1 where the way has noise.",
    "bound": "Of the sampler entropy: how many nats those told together may tell of one another.",
    "sweeps": "Sweeps of the Markov chain for a sample.",
    "method": "How the chain moves, or auto.",
    "anneal": "true: chains start hot and cool down.",
}
