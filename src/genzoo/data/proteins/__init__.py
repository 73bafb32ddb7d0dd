"""Proteins: chains of residues, their letters and the places of their backbones, and the files that hold them."""
