"""Recipes of autoregressive models: chains of symbols, and of the entries of rows of one length."""
