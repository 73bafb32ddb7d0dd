"""Data that the page may name: what the package brings, what was uploaded, and what lies below allowed folders."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genzoo.apps.serve.refusals import Refusal
from genzoo.data.readers.archive import ARCHIVES
from genzoo.data.readers.audio import SUFFIXES as SOUNDS
from genzoo.data.readers.by_ending import ENDINGS
from genzoo.data.readers.images import SUFFIXES as PICTURES
from genzoo.data.reading import names, options_of_reading
from genzoo.zoo.store import CONFIG, whole

__all__ = ["Sources", "checked", "on_the_page", "reason", "said"]

UPLOADS = "uploads"
SECONDS = 300.0  # of a check
FILES = ("labels", "vocabulary")  # options of reading that name files
KINDS = (*ENDINGS, *ARCHIVES, *PICTURES, *SOUNDS)  # the endings of files that are read


class Sources:
    """Data by the words that name them.

    Args:
        home: The folder of the runs; uploads go into one in it.
        roots: Folders below which paths may lie, beside that of the uploads and `GENZOO_DATA`.
        most: Bytes that all uploads may have together.
    """

    def __init__(self, home: Path, roots: Sequence[Path], most: int) -> None:
        self.uploads, self.most = home / UPLOADS, most
        known = [Path(os.environ["GENZOO_DATA"])] if os.environ.get("GENZOO_DATA") else []
        self.roots = [path.resolve() for path in (self.uploads, *roots, *known)]

    def listed(self) -> dict[str, Any]:
        """What can be named: embedded data, uploads, and what lies directly in the allowed folders."""
        below = [path for root in self.roots[1:] if root.is_dir() for path in sorted(root.iterdir())]
        uploads = [str(path) for path in self._uploaded()]
        files = uploads + [str(path) for path in below if not path.name.startswith(".")]
        roots = [str(root) for root in self.roots]
        return {"embedded": sorted(names()), "files": files, "uploads": uploads, "roots": roots}

    def word(self, said: str) -> str:
        """What is read under a name.

        Raises:
            Refusal: If it is neither embedded nor below an allowed folder, or in several of them.
        """
        if said in names():
            return said
        places = dict.fromkeys(place.resolve() for place in (Path(said), *(root / said for root in self.roots)))
        found = [
            str(path) for path in places if any(path.is_relative_to(root) for root in self.roots) and _is_there(path)
        ]
        if len(found) > 1:
            raise Refusal(400, f"{said!r:.200} must be one thing, and there are {' and '.join(found)}. Name the whole "
                          "path of the one that is meant.", "data", "ambiguous")  # fmt: skip
        if found:
            return found[0]
        allowed = ", ".join(str(root) for root in self.roots)
        raise Refusal(400, f"Data must be embedded or lie below {allowed}, got {said!r:.200}. Upload them, or start "
                      "the studio with --data FOLDER.", "data", "data_not_found")  # fmt: skip

    def keep(self, name: str, content: bytes) -> str:
        """Keeps a file that was uploaded, under a name that is free.

        Raises:
            Refusal: If it has no plain name, is of a kind that is not read, or there is no room.
        """
        plain = re.sub(r"[^\w.-]+", "-", Path(name.replace("\\", "/")).name).lstrip(".-")[-60:]
        if not plain or not Path(plain).suffix:
            raise Refusal(400, f"A file must have a name with an ending, as cats.zip, got {name!r:.120}. Rename it.",
                          "name", "invalid_name")  # fmt: skip
        ending = max((kind for kind in KINDS if plain.lower().endswith(kind)), key=len, default="")
        if not ending:
            raise Refusal(400, f"A file must end in one of {', '.join(KINDS)}, got {name!r:.120}. Convert it.", "name",
                          "unknown_ending")  # fmt: skip
        self.uploads.mkdir(parents=True, exist_ok=True)
        kept = sum(path.stat().st_size for path in self.uploads.iterdir())
        if kept + len(content) > self.most:
            raise Refusal(413, f"All uploads must have at most {self.most:,} bytes. Remove some on the page Data.",
                          None, "too_large")  # fmt: skip
        stem, ending = f"data-{plain}" if plain == CONFIG else plain, plain[-len(ending) :]
        stem = stem.removesuffix(ending) or "data"
        taken = (f"{stem}{ending}" if k == 1 else f"{stem}-{k}{ending}" for k in range(1, 10_000))
        path = next(self.uploads / word for word in taken if not (self.uploads / word).exists())
        with whole(path) as draft:
            draft.write_bytes(content)
        return str(path)

    def forget(self, said: str) -> bool:
        """Removes a file that was uploaded, and says whether it was one; any other stays.

        Args:
            said: Its place.
        """
        ours = [path for path in self._uploaded() if said in (str(path), str(path.resolve())) and path.is_file()]
        for path in ours:
            path.unlink(missing_ok=True)
        return bool(ours)

    def _uploaded(self) -> list[Path]:
        """What was uploaded, drafts aside."""
        paths = sorted(self.uploads.iterdir()) if self.uploads.is_dir() else []
        return [path for path in paths if not path.name.startswith(".")]


def _is_there(path: Path) -> bool:
    """Whether something is; what cannot be a path is not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def on_the_page(text: str) -> str:
    """Words of the command line about its options, as what the page has in their place.

    Args:
        text: The words.

    Example:
        >>> on_the_page("Pass --read missing=drop, or leave --given out.")
        'Pass missing=drop, or leave “Condition on” out. Options stand under “How they are read”.'
    """
    told = re.sub(r"--read (?=\w+=)", "", text)
    fields = told.replace("--given", "“Condition on”").replace("--x ", "“What makes x” ")
    return fields if told == text else f"{fields} Options stand under “How they are read”."


def reason(lines: Sequence[str]) -> str:
    """Why a command has failed, in the words of the page: the last two lines that it said.

    Args:
        lines: What it said.
    """
    return on_the_page(" ".join(re.sub(r"^(error|fix): +", "", line) for line in lines[-2:]))


def said(given: Sequence[str], x: Sequence[str], read: Mapping[str, Any]) -> list[str]:
    """The words of the command line for how data are read.

    Raises:
        Refusal: If an option is unknown or names a file.
    """
    able = [option["option"] for option in options_of_reading() if option["option"] not in FILES]
    for name in read:
        if name not in able:
            raise Refusal(400, f"There is no option of reading {name!r} here. Choose one of: {', '.join(able)}.",
                          "read", "unknown_field")  # fmt: skip
    words = [f"--given={name}" for name in given] + [f"--x={name}" for name in x]
    return words + [f"--read={name}={_spelled(value)}" for name, value in read.items()]


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def checked(words: Sequence[str]) -> dict[str, Any]:
    """What `genzoo data check` says, in a process of its own that ends in time.

    Raises:
        Refusal: With what the command says of an error.
    """
    call = [sys.executable, "-m", "genzoo", "data", "check", *words, "--json"]
    try:
        done = subprocess.run(
            call, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Refusal(504, f"The data were not read within {SECONDS:g} s. Take fewer.", "data", "too_slow") from None
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        why = reason(done.stderr.splitlines()) or "The data can't be read."
        raise Refusal(400, why, "data", "invalid_value") from None
    return found
