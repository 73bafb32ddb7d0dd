"""Recipes of adversarial models: classifiers, distances and pairs as critics, inference, classes, and no critic."""
