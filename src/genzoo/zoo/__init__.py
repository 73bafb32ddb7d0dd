"""The zoo: recipes, one function per named model, and runs, the folders that training leaves."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "mistakes": ["Mistake"],
        "recipe": ["Recipe", "RecipeInfo", "RunPath", "recipe_named", "recipes", "unconditional"],
        "hub": ["from_pretrained", "push_to_hub", "save_pretrained"],
        "loading": ["Run", "load"],
        "run": ["resume", "train"],
        "inferring": ["Inferred", "infer"],
        "classical.densities": ["gaussian_mixture"],
        "autoencoders": ["beta_vae", "vae"],
        "autoregressive.entries": ["made"],
        "autoregressive.symbols": ["bigram", "gpt"],
        "adversarial.wasserstein": ["wgan_gp"],
        "graphical.graphs": ["bayes_net", "ising", "potts"],
    },
)
