"""Samples of molecules as SMILES: how many are molecules, how many differ, how many are new, what they are like.

Molecules are compared by the one SMILES that RDKit writes for each, so that two spellings of a molecule are one.
Whether one could be made, and whether it does what it should, none of this sees.

References:
    Polykovskiy et al., 2020, "Molecular Sets (MOSES): a benchmarking platform …", arXiv:1811.12823
"""

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from genzoo.data.chemistry import PROPERTIES, each, properties_of, rdkit, read_molecule
from genzoo.distributions.resampling import require_rows, share_of
from genzoo.evaluation.measurement import Estimate
from genzoo.evaluation.weighted import Pooled, bootstrap

__all__ = [
    "Canonical", "Molecules", "canonical", "internal_diversity", "molecule_metrics", "novel", "properties",
    "property_distances", "property_errors", "unique_at", "valid",
]  # fmt: skip

RADIUS, BITS = 2, 2048  # of Morgan fingerprints: atoms that see two bonds far, known as ECFP4
CHUNK = 1000
log = logging.getLogger("genzoo.progress")


class Canonical(frozenset[str]):
    """Molecules as `canonical` writes them, so that nobody writes them anew to look one up.

    Example:
        >>> "CCO" in Canonical(["CCO", "c1ccccc1"])
        True
    """

    __slots__ = ()


class Molecules(NamedTuple):
    """What is measured of sampled molecules.

    Attributes:
        valid: The share that are molecules.
        unique: The share of different ones among the first valid ones.
        novel: The share of different valid ones that training molecules lack.
        distances: The 1-Wasserstein distance to held-out molecules, by property.
        diversity: The mean Tanimoto distance between two samples.
    """

    valid: Estimate
    unique: Estimate
    novel: Estimate
    distances: Mapping[str, Estimate]
    diversity: Estimate


def molecule_metrics(
    samples: Sequence[str],
    real: Sequence[str],
    train: Collection[str],
    *,
    k: int | None = None,
    draws: int = 100,
    seed: int = 0,
) -> Molecules:
    """Every metric of sampled molecules.

    Args:
        samples: SMILES, valid or not.
        real: Held-out ones.
        train: Training ones in any container; `Canonical` ones are not written anew.
        k: How many valid ones `unique` looks at; by default all.
        draws: How often molecules are drawn again for errors.
        seed: Names the draws.

    Raises:
        ImportError: If RDKit is not installed.
        TooFew: If fewer than two samples, or fewer than k, are valid.
    """
    known = canonical(samples)
    there = [smiles for smiles in known if smiles is not None]
    require_rows(len(there), max(2, k or 0), "A measure of valid molecules")
    return Molecules(
        share_of(torch.tensor([smiles is not None for smiles in known])),
        _unique(there[:k]),
        _novel(there, train),
        property_distances(there, real, draws=draws, seed=seed),
        internal_diversity(there),
    )


def canonical(smiles: Sequence[str]) -> list[str | None]:
    """The SMILES that RDKit writes for each molecule; None for what is none.

    Args:
        smiles: Texts that may or may not be molecules.

    Raises:
        ImportError: If RDKit is not installed.

    Example:
        >>> canonical(["OCC", "c1ccccc1", "C(("])  # doctest: +SKIP
        ['CCO', 'c1ccccc1', None]
    """
    write = rdkit().MolToSmiles
    molecules = each(_parsed(smiles), "writing them in one way")
    return [None if molecule is None else write(molecule) for molecule in molecules]


def valid(samples: Sequence[str]) -> Estimate:
    """The share of samples that RDKit reads as a molecule with possible valences.

    Args:
        samples: SMILES.

    Raises:
        ImportError: If RDKit is not installed.
        TooFew: If there are none.
    """
    require_rows(len(samples), 1, "The share of valid samples")
    return share_of(torch.tensor([smiles is not None for smiles in canonical(samples)]))


def unique_at(samples: Sequence[str], k: int) -> Estimate:
    """Unique@k: the share of different molecules among the first k valid samples. It falls as k grows.

    Args:
        samples: SMILES, valid or not.
        k: How many valid ones to look at.

    Raises:
        ImportError: If RDKit is not installed.
        TooFew: If fewer than k are valid.
    """
    there = [smiles for smiles in canonical(samples) if smiles is not None]
    require_rows(len(there), k, f"Unique@{k} of valid molecules")
    return _unique(there[:k])


def novel(samples: Sequence[str], train: Collection[str]) -> Estimate:
    """The share of different valid samples that training molecules lack.

    Args:
        samples: SMILES, valid or not.
        train: Training molecules in any container; `Canonical` ones are not written anew.

    Raises:
        ImportError: If RDKit is not installed.
        TooFew: If no sample is valid.
    """
    return _novel([smiles for smiles in canonical(samples) if smiles is not None], train)


def properties(smiles: Sequence[str]) -> dict[str, Float[np.ndarray, " n"]]:
    """Properties of the valid molecules: logP (Crippen), QED, molecular weight, TPSA in Å², the numbers of rings and
    of heavy atoms.

    Args:
        smiles: SMILES; what is no molecule is left out.

    Raises:
        ImportError: If RDKit is not installed.

    References:
        Wildman & Crippen, 1999, "Prediction of physicochemical parameters by atomic contributions"
        Bickerton et al., 2012, "Quantifying the chemical beauty of drugs", Nature Chemistry 4
        Ertl, Rohde & Selzer, 2000, "Fast calculation of molecular polar surface area …", J. Med. Chem. 43
    """
    return {name: values[~np.isnan(values)] for name, values in properties_of(smiles, PROPERTIES).items()}


def property_distances(
    samples: Sequence[str], real: Sequence[str], *, draws: int = 100, seed: int = 0
) -> dict[str, Estimate]:
    """The 1-Wasserstein distance between samples and held-out molecules in each property, in its own unit.

    Args:
        samples: SMILES; what is no molecule is left out.
        real: Held-out ones.
        draws: How often molecules are drawn again for the errors.
        seed: Names the draws.

    Raises:
        ImportError: If RDKit is not installed.
        TooFew: If fewer than two of either are valid.
    """
    mine, theirs = properties(samples), properties(real)
    n, m = len(mine["QED"]), len(theirs["QED"])
    require_rows(min(n, m), 2, "A distance between properties of valid molecules")
    pooled = [Pooled(mine[name], theirs[name]) for name in PROPERTIES]
    estimates = bootstrap(lambda a, b: [both.wasserstein(a, b) for both in pooled], n, m, draws=draws, seed=seed)
    return dict(zip(PROPERTIES, estimates, strict=True))


def property_errors(samples: Sequence[str], asked: Mapping[str, Float[np.ndarray, " n"]]) -> dict[str, Estimate]:
    """How far valid samples are from the properties that they were asked for: the mean of $|p(x_i) - c_i|$, each in
    its own unit.

    Args:
        samples: SMILES; what is no molecule is left out.
        asked: By property, what each sample was asked for; NaN for nothing.

    Raises:
        ImportError: If RDKit is not installed.
        TooFew: If fewer than two that were asked for something are valid.

    Example:
        >>> property_errors(["CCO", "CCCO"], {"rings": np.array([1.0, 0.0])})["rings"].value  # doctest: +SKIP
        0.5
    """
    found = {}
    for name, values in properties_of(samples, list(asked)).items():
        errors = np.abs(values - asked[name])
        errors = errors[~np.isnan(errors)]
        require_rows(len(errors), 2, f"The error of {name} of valid molecules")
        found[name] = Estimate(float(errors.mean()), float(errors.std(ddof=1)) / math.sqrt(len(errors)))
    return found


def internal_diversity(samples: Sequence[str]) -> Estimate:
    """The mean Tanimoto distance between two valid samples, $1 - |a \\cap b| / |a \\cup b|$ on Morgan fingerprints.

    A set that repeats one molecule has 0; high values alone are no merit, as nonsense is diverse.

    Args:
        samples: SMILES; what is no molecule is left out.

    Raises:
        ImportError: If RDKit is not installed.
        TooFew: If fewer than two are valid.

    References:
        Rogers & Hahn, 2010, "Extended-connectivity fingerprints", J. Chem. Inf. Model. 50
        Benhenda, 2017, "ChemGAN challenge for drug discovery", arXiv:1708.08227
    """
    bits = _fingerprints(samples)
    require_rows(len(bits), 2, "The diversity of valid molecules")
    sizes, means = bits.sum(1), []
    for number, (part, size) in enumerate(zip(bits.split(CHUNK), sizes.split(CHUNK), strict=True)):
        log.debug("molecules, diversity: %s of %s are done", f"{number * CHUNK:,}", f"{len(bits):,}")
        common = part @ bits.T
        similar = common / (size[:, None] + sizes - common).clamp_min(1)
        means.append((similar.double().sum(1) - (size > 0).double()) / (len(bits) - 1))  # without the pair with itself
    distance = 1 - torch.cat(means)
    return Estimate(distance.mean().item(), 2 * distance.std().item() / math.sqrt(len(bits)))  # of a U-statistic


def _unique(there: Sequence[str]) -> Estimate:
    """The share of different ones; drawing again would repeat them, so the error is the jackknife's."""
    counts = dict.fromkeys(there, 0)
    for smiles in there:
        counts[smiles] += 1
    n, alone = len(there), sum(count == 1 for count in counts.values())
    if n < 2:
        return Estimate(float(n), None)
    without = np.repeat([len(counts) - 1, len(counts)], [alone, n - alone]) / (n - 1)
    return Estimate(len(counts) / n, math.sqrt((n - 1) * without.var()))


def _novel(there: Sequence[str], train: Collection[str]) -> Estimate:
    different = dict.fromkeys(there)
    require_rows(len(different), 1, "The novelty of valid molecules")
    known = train if isinstance(train, Canonical) else set(canonical(list(train)))
    return share_of(torch.tensor([smiles not in known for smiles in different]))


def _parsed(smiles: Sequence[str]) -> list[Any]:
    """The molecules, None for what is none."""
    return [read_molecule(text) for text in each(smiles, "reading them")]


def _fingerprints(smiles: Sequence[str]) -> Float[torch.Tensor, "n bits"]:
    molecules = [molecule for molecule in _parsed(smiles) if molecule is not None]
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
    rows = [generator.GetFingerprintAsNumPy(molecule) for molecule in each(molecules, "fingerprints")]
    return torch.from_numpy(np.stack(rows)).float() if rows else torch.zeros(0, BITS)
