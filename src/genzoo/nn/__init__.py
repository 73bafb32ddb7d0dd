"""Networks without probability: they map tensors to tensors, and a condition comes in as an embedding."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "mlp": ["MLP"],
        "big": ["ConditionalNorm", "ResidualDecoder", "ResidualEncoder"],
        "classifying": ["Classifying"],
        "conditioning": ["Conditioning", "Tokens", "is_sequence"],
        "conv": ["ConvDecoder", "ConvEncoder"],
        "dilated": ["Dilated"],
        "dit": ["DiT"],
        "deviation": ["Deviating", "deviation_in_groups"],
        "embedding": ["Conditioned", "Embedding"],
        "equalized": ["EqualizedConv2d", "EqualizedLinear", "PixelNorm"],
        "fourier": ["Fourier"],
        "gated": ["GatedPixels"],
        "joined": ["Joined"],
        "maps": ["MapDecoder", "MapEncoder"],
        "masked": ["Growing", "MaskedLinear", "MaskedMLP"],
        "noticing": ["Noticing"],
        "progressive": ["Progressive", "ProgressiveDecoder", "ProgressiveEncoder", "doubled", "halved"],
        "projection": ["Projected"],
        "pyramid": ["Pyramid"],
        "residual": ["ResidualConv"],
        "spectrum": ["LogMel"],
        "steps": ["Steps"],
        "strided": ["StridedDecoder", "StridedEncoder"],
        "styled": ["AdaptiveNorm", "Mapping", "ModulatedConv2d", "Synthesis"],
        "time": ["TimeEmbedding", "Timed"],
        "transformer": ["FAST", "GPT2", "Style", "Transformer"],
        "translation": ["PatchCritic", "Translator"],
        "unet": ["UNet"],
        "window": ["Window"],
    },
)
