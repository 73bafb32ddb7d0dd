"""Recipes of classical models: densities by counting and by moments, Gaussians with few causes, hidden states."""
