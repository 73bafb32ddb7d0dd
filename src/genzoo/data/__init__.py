"""Data: the user's files as elements of a space, and back.

`read` turns any source into `Data`: rows with conditions, splits and a fingerprint. A `Codec` turns elements of the
space back into files: PNG, CSV, text. Models see neither files nor codecs.
"""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        ".core.errors": ["DataError"],
        "data": ["Data", "Rows"],
        "codec": ["Codec"],
        "codecs.array": ["ArrayCodec"],
        "codecs.audio": ["SoundCodec"],
        "codecs.clips": ["ClipCodec"],
        "codecs.catalog": ["codec_from_json"],
        "codecs.image": ["ImageCodec"],
        "codecs.sequences": ["SequenceCodec"],
        "codecs.table": ["PointsCodec", "TableCodec"],
        "codecs.text": ["CharacterCodec", "TextCodec"],
        "codecs.tokens": ["TokenCodec"],
        "codecs.molecules": ["MoleculeCodec"],
        "view": ["Binarized", "View", "Windows"],
        "augment": ["Augmented"],
        "reading": ["names", "read"],
    },
)
