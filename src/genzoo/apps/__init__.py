"""Applications: thin, generated from signatures, without logic of their own."""
