"""What a release consists of: a lock of hashes, a bill of materials and the licences of all that genzoo needs.

    python -m benchmarks.supply lock    ask pip for the hashes that hashes.txt lacks
    python -m benchmarks.supply         write dist/genzoo.cdx.json and dist/licences.txt of what is installed

`pip install --no-deps --require-hashes -r hashes.txt` installs the very files of the lock, on the platform that it
names; torch comes before, from the index of the user's choice. The bill is CycloneDX 1.6 in JSON.

References:
    OWASP Foundation, 2024, "CycloneDX bill of materials standard", ECMA-424
"""

import json
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import genzoo

ROOT = Path(__file__).resolve().parents[1]
LOCK, PINS = ROOT / "hashes.txt", ROOT / "constraints.txt"
NO_LICENCE = re.compile(r"\bA?GPL\b|\bGNU (Affero )?General Public License", re.IGNORECASE)  # of what is shipped with
HEAD = "# The files of constraints.txt but torch, made by `python -m benchmarks.supply lock` for"


def pins() -> dict[str, str]:
    """Versions by canonical name, torch's left out."""
    lines = [line for line in PINS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)
            if name != "torch"}  # fmt: skip


def told_hashes(report: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Versions and hashes by name, of pip's report on what it would install.

    Args:
        report: As `pip install --dry-run --report` writes it.
    """
    parts = [(found["metadata"], found["download_info"]["archive_info"]["hashes"]) for found in report["install"]]
    return {canonicalize_name(about["name"]): (about["version"], kept["sha256"]) for about, kept in parts}


def lock() -> None:
    """Asks pip for the hashes that are lacking, without installing anything, and writes the lock."""
    wanted, known = pins(), hashes()
    kept = {name: known[name] for name, version in wanted.items() if known.get(name, ("",))[0] == version}
    lacking = [f"{name}=={version}" for name, version in wanted.items() if name not in kept]
    if lacking:
        words = ["install", "--dry-run", "--ignore-installed", "--no-deps", "--only-binary", ":all:", "--quiet"]
        with tempfile.NamedTemporaryFile("r") as report:
            subprocess.run([sys.executable, "-m", "pip", *words, "--report", report.name, *lacking], check=True)
            kept |= told_hashes(json.load(report))
    python = f"CPython {sys.version_info.major}.{sys.version_info.minor}"
    lines = [f"{name}=={version} --hash=sha256:{digest}" for name, (version, digest) in sorted(kept.items())]
    LOCK.write_text("\n".join([f"{HEAD} {sysconfig.get_platform()}, {python}.", *lines]) + "\n", encoding="utf-8")


def hashes() -> dict[str, tuple[str, str]]:
    """Version and hash by name, of the lock."""
    lines = [line for line in LOCK.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    parts = (re.fullmatch(r"([^=]+)==(\S+) --hash=sha256:([0-9a-f]{64})", line) for line in lines)
    return {found[1]: (found[2], found[3]) for found in parts if found}


def needed(name: str, extras: frozenset[str] = frozenset()) -> Iterator[tuple[str, Requirement]]:
    """What a distribution says that it needs here, with who says it."""
    for line in metadata.requires(name) or ():
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            yield name, need


def brought(extra: str) -> dict[str, metadata.Distribution]:
    """All that genzoo brings with an extra, by name; what is not installed is left out."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [need for _, need in needed("genzoo", frozenset({extra}))]
    seen = set[str]()
    while waiting:
        need = waiting.pop()
        name, asked = canonicalize_name(need.name), str(need)
        if asked in seen:
            continue
        seen.add(asked)
        if name != "genzoo":
            try:
                found[name] = metadata.distribution(name)
            except metadata.PackageNotFoundError:
                continue
        waiting += [inner for _, inner in needed(name, frozenset({"", *need.extras}))]
    return dict(sorted(found.items()))


def broken(found: Mapping[str, metadata.Distribution]) -> list[str]:
    """Needs of distributions that what is installed does not meet."""
    every = [pair for name in found for pair in needed(name)]
    return [
        f"{name} needs {need}, got {found[key].version}"
        for name, need in every
        if (key := canonicalize_name(need.name)) in found and not need.specifier.contains(found[key].version, True)
    ]


def licence_of(distribution: metadata.Distribution) -> str:
    """What a distribution says of its licence, in a line; empty where it says nothing."""
    about = distribution.metadata
    named = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or () if line.startswith("License ::")]
    first = (about.get("License-Expression") or "", *named, (about.get("License") or "").strip().partition("\n")[0])
    return next((words for words in first if words), "")


def bill(found: Mapping[str, metadata.Distribution]) -> dict[str, Any]:
    """The bill of materials."""
    kept = hashes()
    parts = []
    for name, distribution in found.items():
        part: dict[str, Any] = {"type": "library", "name": name, "version": distribution.version}
        part |= {"purl": f"pkg:pypi/{name}@{distribution.version}", "bom-ref": name}
        part["licenses"] = [{"license": {"name": licence_of(distribution)}}]
        if name in kept and kept[name][0] == distribution.version:
            part["hashes"] = [{"alg": "SHA-256", "content": kept[name][1]}]
        parts.append(part)
    own = {"type": "library", "name": "genzoo", "version": genzoo.__version__, "bom-ref": "genzoo"}
    own["purl"] = f"pkg:pypi/genzoo@{genzoo.__version__}"
    links = [{"ref": name, "dependsOn": sorted({canonicalize_name(n.name) for _, n in needed(name)} & found.keys())}
             for name in found]  # fmt: skip
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"component": own},
            "components": parts, "dependencies": links}  # fmt: skip


def main() -> None:
    if sys.argv[1:] == ["lock"]:
        return lock()
    found, folder = brought("all"), ROOT / "dist"
    folder.mkdir(exist_ok=True)
    (folder / "genzoo.cdx.json").write_text(json.dumps(bill(found), indent=1) + "\n", encoding="utf-8")
    table = "".join(f"{name} {each.version}: {licence_of(each)}\n" for name, each in found.items())
    (folder / "licences.txt").write_text(table, encoding="utf-8")
    unknown = [name for name, each in found.items() if not licence_of(each)]
    forbidden = [name for name, each in found.items() if NO_LICENCE.search(licence_of(each))]
    print(f"{len(found)} distributions in {folder}; broken {broken(found)}, unknown {unknown}, forbidden {forbidden}")
    sys.exit(bool(broken(found) or unknown or forbidden))


if __name__ == "__main__":
    main()
