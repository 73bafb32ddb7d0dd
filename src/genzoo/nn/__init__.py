"""Networks without probability: they map tensors to tensors, and a condition comes in as an embedding."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "mlp": ["MLP"],
        "conditioning": ["Conditioning", "Tokens", "is_sequence"],
        "conv": ["ConvDecoder", "ConvEncoder"],
        "embedding": ["Conditioned", "Embedding"],
        "masked": ["Growing", "MaskedLinear", "MaskedMLP"],
        "pyramid": ["Pyramid"],
        "residual": ["ResidualConv"],
        "spectrum": ["LogMel"],
        "time": ["TimeEmbedding", "Timed"],
        "transformer": ["FAST", "GPT2", "Style", "Transformer"],
        "unet": ["UNet"],
    },
)
