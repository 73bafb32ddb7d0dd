"""Recipes of diffusions: chains and equations of noise, flows from noise to data, and what they are made of."""
