"""Backbones laid out by their torsions, atom by atom: an oracle for what reads or turns them."""

import numpy as np

LENGTHS = {"N": 1.329, "CA": 1.458, "C": 1.525}  # Å from the atom before
ANGLES = {"N": 116.2, "CA": 121.7, "C": 111.2}  # degrees at the atom before


def laid_out(phi: list[float], psi: list[float]) -> np.ndarray:
    """(n, 3, 3), N, CA and C of residues with these torsions in degrees, all peptide bonds trans.

    Each atom is placed by its distance, angle and torsion with the three before it.
    """
    bend = np.deg2rad(180 - ANGLES["C"])
    n, ca = np.zeros(3), np.array([LENGTHS["CA"], 0.0, 0.0])
    places = [n, ca, ca + LENGTHS["C"] * np.array([np.cos(bend), np.sin(bend), 0.0])]
    for k in range(1, len(phi)):
        for atom, turn in (("N", psi[k - 1]), ("CA", 180.0), ("C", phi[k])):
            a, b, c = places[-3:]
            along = (c - b) / np.linalg.norm(c - b)
            up = np.cross(b - a, along)
            up /= np.linalg.norm(up)
            theta, tau = np.deg2rad(ANGLES[atom]), np.deg2rad(turn)
            local = np.array([-np.cos(theta), np.sin(theta) * np.cos(tau), np.sin(theta) * np.sin(tau)])
            places.append(c + LENGTHS[atom] * (np.stack([along, np.cross(up, along), up], 1) @ local))
    return np.stack(places).reshape(-1, 3, 3)


def helix(n: int) -> np.ndarray:
    """An α-helix of n residues."""
    return laid_out([-60.0] * n, [-45.0] * n)
