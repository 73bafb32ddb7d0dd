"""Guidance: functions that wrap `denoise` and are `denoise` again.

A sampler asks for nothing but `denoise(x_t, t, given)` = E[x | x_t, given], so whatever changes the answer (stronger
conditions, a known range) works with every sampler.

Most guides know two answers, a better and a worse one: with and without a condition, or of a good and a poor model.
What they make of the two is a `Rule`.
"""
