"""The report's folder: what is written where, and how the page is built from it again.

    report.html
    model-card-<encoder>.md
    results/<audit>-<encoder>.json    one a result
    results/report.json               their order, the title and the command
    results/listening.json            which sound lies in which file
    audio/*.mp3

A folder holds one report: writing another into it replaces the files that the first one listed.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earwitness.datasets import Clips
from earwitness.errors import InputError
from earwitness.report import card
from earwitness.report.listening import Example, Sound
from earwitness.report.page import Page
from earwitness.report.sounds import KBPS, SECONDS, Heard, in_turn, render, within
from earwitness.results import AuditResult
from earwitness.store import content_hash, whole_file

INDEX, LISTENING = "report.json", "listening.json"
_FORMAT = 1


def write(
    results: Sequence[AuditResult],
    out_dir: str | Path,
    *,
    clips: Clips | None = None,
    seed: int = 0,
    command: str = "",
    title: str | None = None,
) -> Path:
    """Write the page, the results, the sounds and the model cards.

    What is not given (sounds, command, title) is taken from the folder where these same results already lie in it,
    so `write(read_results(folder), folder)` builds the same page again without the clips.

    Parameters
    ----------
    results
        Of any audits and encoders; those with the parameter `role="control"` are drawn as controls.
    out_dir
        Made where it is missing. Nothing is written outside it.
    clips
        Where the sound is, for the players; without it the page has none, or those already in the folder.
    seed
        Of the changed sounds, where a result does not name its own.
    command
        What was typed to make this, as the page is to say it.
    title
        Instead of "Can <encoder> be believed?".

    Returns
    -------
    Path
        Of `report.html`.

    Raises
    ------
    InputError
        If there are no results, or the folder cannot be written to.
    """
    if not results:
        raise InputError("there are no results to report: run an audit first")
    folder = Path(out_dir)
    texts = _texts(results)
    before = _Before.read(folder)
    same = before.results == _prints(texts)
    page = Page(
        # What the files say, not what is in memory, so that the page can be built from them again.
        results=tuple(AuditResult.from_json(text) for text in texts.values()),
        title=title or (before.title if same else ""),
        command=command or (before.command if same else ""),
    )
    found = before.sounds(folder, page) if clips is None else render(page.examples, clips, seed)
    heard = within(page.room_for_sound(), found)
    files = _files(page, texts, heard)
    for name, data in files.items():
        with whole_file(folder / name) as draft:
            draft.write_bytes(data)
    before.remove_others(folder, set(files))
    return folder / "report.html"


def read_results(folder: str | Path) -> list[AuditResult]:
    """The results in a report's folder, or in its folder `results`, in the report's order.

    Raises
    ------
    InputError
        If there are none, or one cannot be read.
    """
    place = Path(folder)
    place = place / "results" if (place / "results").is_dir() else place
    order = list(_Before.read(place.parent).results)
    files = [path for path in sorted(place.glob("*.json")) if path.name not in (INDEX, LISTENING)]
    files.sort(key=lambda path: order.index(path.name) if path.name in order else len(order))
    if not files:
        raise InputError(f"{folder}: no results (*.json) in it; give the folder that `earwitness audit` wrote")
    return [AuditResult.from_json(path) for path in files]


def _texts(results: Sequence[AuditResult]) -> dict[str, str]:
    """The JSON of each result by its file's name; a name taken twice gets a number."""
    texts: dict[str, str] = {}
    for result in results:
        stem = name = file_name(f"{result.audit}-{result.encoder}")
        count = 1
        while f"{name}.json" in texts:
            count += 1
            name = f"{stem}-{count}"
        texts[f"{name}.json"] = result.to_json()
    return texts


def file_name(name: str) -> str:
    """A name that is a plain file name everywhere; a hash is added where letters had to go, so that two stay two.

    Examples
    --------
    >>> file_name("robustness-musicnn-msd")
    'robustness-musicnn-msd'
    >>> file_name("../../etc/passwd").startswith("etc-passwd-")
    True
    """
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:80]
    return kept if kept == name else f"{kept or 'unnamed'}-{content_hash(name)[:8]}"


def _files(page: Page, texts: dict[str, str], heard: Heard) -> dict[str, bytes]:
    """Every file of the report by its path in the folder, the page last: it is there only if all is."""
    places = {
        key: f"audio/{file_name(f'{key[1].clip} {key[1].change}'.strip())[:60]}-{content_hash(data)[:8]}.mp3"
        for key, data in heard.items()
    }
    index = {"format": _FORMAT, "title": page.title, "command": page.command, "results": _prints(texts)}
    listening = {
        "format": _FORMAT,
        "encoding": f"MP3, {KBPS} kb/s, one channel, at most {SECONDS:.0f} s from the clip's beginning",
        "sounds": [{**_identity(page, *key), "file": place} for key, place in places.items()],
    }
    files = {f"results/{name}": text.encode() for name, text in texts.items()}
    files |= {place: heard[key] for key, place in places.items()}
    files[f"results/{INDEX}"] = _json(index)
    files[f"results/{LISTENING}"] = _json(listening)
    for encoder, text in card.cards(page.results).items():
        files[f"model-card-{file_name(encoder)}.md"] = text.encode("utf-8", "replace")
    files["report.html"] = page.html(heard).encode("utf-8", "replace")
    return files


def _prints(texts: dict[str, str]) -> dict[str, str]:
    return {name: content_hash(text) for name, text in texts.items()}


def _identity(page: Page, example: Example, sound: Sound) -> dict[str, str]:
    """What a sound is: the player of an example of one result, with that result's very numbers."""
    return {
        "result": page.prints[example.audit, example.encoder, example.dataset],
        "audit": example.audit,
        "encoder": example.encoder,
        "example": example.clip,
        "player": sound.role,
        "clip": sound.clip,
        "change": sound.change,
    }


def _json(record: dict[str, Any]) -> bytes:
    return (json.dumps(record, indent=1) + "\n").encode()


@dataclass(frozen=True)
class _Before:
    """What an earlier report in the same folder says of itself; empty where there is none."""

    title: str
    command: str
    results: dict[str, str]
    listening: tuple[dict[str, str], ...]

    @classmethod
    def read(cls, folder: Path) -> "_Before":
        index = _record(folder / "results" / INDEX)
        listening = _record(folder / "results" / LISTENING)
        return cls(
            title=str(index.get("title", "")),
            command=str(index.get("command", "")),
            results=dict(index.get("results", {})),
            listening=tuple(listening.get("sounds", [])),
        )

    def sounds(self, folder: Path, page: Page) -> Iterator[Heard]:
        """The sounds that lie in the folder for the page's examples."""
        places = {_key(entry): entry.get("file", "") for entry in self.listening}
        for example in in_turn(page.examples):
            found = {}
            for sound in example.sounds:
                place = places.get(_key(_identity(page, example, sound)), "")
                if _is_ours(place) and (folder / place).is_file():
                    found[example, sound] = (folder / place).read_bytes()
            yield found

    def remove_others(self, folder: Path, keep: set[str]) -> None:
        """Remove what the earlier report listed and this one has not."""
        listed = {f"results/{name}" for name in self.results} | {str(entry.get("file")) for entry in self.listening}
        for name in listed - keep:
            if _is_ours(name):
                (folder / name).unlink(missing_ok=True)


def _key(entry: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in entry.items() if name != "file"))


def _is_ours(place: str) -> bool:
    """Whether a path that stands in a file is one that a report writes; no other is read or removed."""
    return (
        re.fullmatch(r"results/[A-Za-z0-9_-][A-Za-z0-9._-]*\.json|audio/[A-Za-z0-9_-][A-Za-z0-9._-]*\.mp3", place)
        is not None
    )


def _record(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}; remove it to build the page without it") from error
    if not isinstance(record, dict) or record.get("format") != _FORMAT:
        raise InputError(f"{path} is not one that this Earwitness wrote; remove it to build the page without it")
    return record
