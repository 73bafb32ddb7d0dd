"""Recipes of representations: codes from which x is made again, and features that are learned without a way back."""
