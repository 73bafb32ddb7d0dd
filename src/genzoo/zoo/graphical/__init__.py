"""Recipes of graphical models: by their graph, and by an energy that is learned."""
