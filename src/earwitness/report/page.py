"""The page: from results and sounds to one self-contained HTML text.

Nothing of it is fetched from anywhere. A content security policy forbids every load, and every script but the two
that the page brings along, which it names by their hashes.
"""

import base64
import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from earwitness.report import sections, words
from earwitness.report.drawings import Drawing, drawings, vega_bundle
from earwitness.report.listening import Example, worst
from earwitness.report.sounds import KBPS, SECONDS, Heard
from earwitness.results import AuditResult, Verdict
from earwitness.store import content_hash

LIMIT = 10_000_000  # bytes of the whole page
SOUND_LIMIT = 6_000_000  # bytes of all players as base64 text
_MARGIN = 100_000
_PLAYER = 1_000  # bytes of a player beside its sound, at most


@dataclass(frozen=True)
class Detail:
    """How much the page says: still pictures for where scripts are off, rows of a full table, files skipped."""

    stills: bool
    rows: int
    files: int


_DETAILS = (Detail(True, 3000, 500), Detail(False, 3000, 500), Detail(False, 200, 100))


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes
    ----------
    results
        Of any audits and encoders.
    title, command
        As given, or "".
    """

    results: tuple[AuditResult, ...]
    title: str = ""
    command: str = ""

    @cached_property
    def examples(self) -> tuple[Example, ...]:
        """What is worth hearing."""
        return tuple(worst(self.results))

    @cached_property
    def prints(self) -> dict[tuple[str, str, str], str]:
        """A hash of each result, by its audit, encoder and data set."""
        return {(r.audit, r.encoder, r.dataset): content_hash(r.to_json()) for r in self.results}

    def html(self, heard: Heard) -> str:
        """The whole page.

        Parameters
        ----------
        heard
            MP3 of the examples' sounds; a player is drawn for each that is there.
        """
        return self._rendered(self._detail, heard)

    def room_for_sound(self) -> int:
        """Bytes of base64 text that the players may have together."""
        silent = len(_bytes(self._rendered(self._detail, {})))
        players = _PLAYER * sum(len(example.sounds) for example in self.examples)
        return max(0, min(SOUND_LIMIT, LIMIT - _MARGIN - silent - players))

    @cached_property
    def _detail(self) -> Detail:
        """The most detail with which the page without sound stays small enough."""
        fitting = (d for d in _DETAILS if len(_bytes(self._rendered(d, {}))) <= LIMIT - _MARGIN)
        return next(fitting, _DETAILS[-1])

    @cached_property
    def _parts(self) -> dict[str, list[AuditResult]]:
        """Results by audit, the controls last."""
        audits = dict.fromkeys(result.audit for result in self.results)
        return {name: sorted((r for r in self.results if r.audit == name), key=words.is_control) for name in audits}

    @cached_property
    def _drawings(self) -> dict[str, list[Drawing]]:
        return {audit: drawings(results) for audit, results in self._parts.items()}

    def _rendered(self, detail: Detail, heard: Heard) -> str:
        audited = sections.audited_encoders(self.results)
        cards: dict[str, list[tuple[AuditResult, Verdict]]] = {name: [] for name in audited}
        for name, result in zip(words.names(self.results), self.results, strict=True):
            if result.verdicts and result.encoder in audited:
                cards.setdefault("" if words.is_group(result) else name, []).append((result, result.verdicts[0]))
        skipped = sections.skipped(self.results)
        bundle, script = vega_bundle(), _text("report.js")
        return (
            _environment()
            .get_template("report.html")
            .render(
                title=self.title or sections.question(audited),
                facts=sections.facts(self.results),
                cards=[(name, mine) for name, mine in cards.items() if mine],
                several=len(audited) > 1 or len(cards) > 1,
                sections=[
                    sections.section(results, audited, self._drawings[audit], self.examples, detail.rows)
                    for audit, results in self._parts.items()
                ],
                stills=detail.stills,
                skipped=skipped[: detail.files],
                skipped_count=len(skipped),
                reasons=sections.reasons(skipped),
                made=sections.made(self.results, self.command),
                options=sections.options(self.results),
                players={
                    key: f"data:audio/mpeg;base64,{base64.b64encode(data).decode()}" for key, data in heard.items()
                },
                listening=f"MP3, {KBPS} kb/s, one channel, at most {SECONDS:.0f} seconds",
                css=Markup(_text("report.css")),
                bundle=Markup(bundle),
                script=Markup(script),
                policy=_policy(bundle, script),
            )
        )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _text(name: str) -> str:
    return files("earwitness.report").joinpath("templates", name).read_text(encoding="utf-8")


def _data_uri(data: bytes) -> Markup:
    return Markup("data:audio/mpeg;base64," + base64.b64encode(data).decode())


def _policy(*scripts: str) -> str:
    """Which scripts may run, and that nothing may be loaded.

    Vega turns the charts' own formulas into functions, which a browser calls "eval"; it needs a script that is
    allowed to run in the first place, and text from files reaches charts as values only, never as formulas.
    """
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
        "media-src data:; base-uri 'none'; form-action 'none'"
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("earwitness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters["starred"] = starred
    environment.filters["counted"] = words.counted
    environment.globals["STATUS"] = words.STATUS
    return environment


def _printable(value: Any) -> Any:
    return words.printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def starred(text: str) -> Markup:
    """Plain text in which **two stars** mark what matters, as HTML.

    Examples
    --------
    >>> print(starred("only **9 %** of <clips>"))
    only <b>9 %</b> of &lt;clips&gt;
    """
    parts = words.printable(text).split("**")
    if len(parts) % 2 == 0:  # a pair is not closed: the stars are the text's own
        return escape(words.printable(text))
    return Markup("").join(Markup("<b>{}</b>").format(p) if i % 2 else escape(p) for i, p in enumerate(parts))
