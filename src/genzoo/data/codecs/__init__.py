"""One file per modality: the codecs of `genzoo.data.codec.Codec`."""
