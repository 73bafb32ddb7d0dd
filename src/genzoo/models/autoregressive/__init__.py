"""Autoregressive models: a distribution as a chain of conditionals, one symbol at a time."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "autoregressive": ["Autoregressive"],
        "bigram": ["Bigram"],
        "gpt": ["GPT"],
        "gpt2": ["from_gpt2"],
        "made": ["MADE"],
        "markov_density": ["MarkovDensity"],
        "markov_mlp": ["MarkovMLP"],
        "nade": ["NADE"],
        "next_scale": ["VAR"],
        "pixelcnn": ["PixelCNN"],
        "rnn": ["RNN"],
        "softmax_chain": ["SoftmaxChain"],
        "tabular": ["TabularAR"],
        "wavenet": ["WaveNet"],
    },
)
