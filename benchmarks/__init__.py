"""Side by side with peers, in one run: figures are ratios, never absolute times."""
