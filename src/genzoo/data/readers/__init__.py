"""Readers, one file per kind of source: plain functions from a source and an `Asked` to a `Source`."""
