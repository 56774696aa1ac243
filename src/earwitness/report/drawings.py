"""From results to what the page can draw: a Vega-Lite description, and a still picture for where scripts are off."""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from earwitness.results import AuditResult, charts_of

STILL_LIMIT = 250_000  # bytes of one still picture; a larger one is left out
CHART_LIMIT = 2_000_000  # bytes of one interactive chart; a larger one is left to the saved files


@dataclass(frozen=True)
class Drawing:
    """One chart of the page.

    Attributes
    ----------
    title, description
        What it shows; the description is read aloud to who cannot see it.
    specification
        Vega-Lite as JSON in which no `<` is left, so that it can lie inside a script element.
    wide
        Whether it is made of several pictures and needs the whole width.
    still
        The same as a data URI of an SVG, or "" where that would be too large.
    """

    title: str
    description: str
    specification: str
    wide: bool
    still: str


def drawings(results: Sequence[AuditResult], *, stills: bool = True) -> list[Drawing]:
    """The charts of one audit, with every encoder it was made for in each of them.

    Parameters
    ----------
    results
        Results of one audit.
    stills
        Whether to draw the still pictures as well.
    """
    made = []
    for title, chart in charts_of(results).items():
        specification = _specification(chart)
        text = json.dumps(specification, allow_nan=False)
        if len(text) > CHART_LIMIT:
            continue
        made.append(
            Drawing(
                title=title,
                description=str(specification.get("description", title)),
                specification=inside_script(text),
                wide=any(name in specification for name in ("concat", "hconcat", "facet")),
                still=_still(text) if stills else "",
            )
        )
    return made


def inside_script(json_text: str) -> str:
    """JSON that means the same and cannot end the script element it lies in.

    Examples
    --------
    >>> inside_script('"</script><!--"')
    '"\\\\u003c/script\\\\u003e\\\\u003c!--"'
    """
    return json_text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _specification(chart: Any) -> dict[str, Any]:
    import altair

    with altair.data_transformers.enable("default", max_rows=None):
        text = json.dumps(chart.to_dict())
    found: dict[str, Any] = json.loads(_renumbered(text, r'"((?:view|param)_\d+)"', r"\b({})\b"))
    return found


def _renumbered(text: str, named: str, used: str) -> str:
    """The text with names that end in a number counted from one, in their order.

    Altair and Vega count them over the whole process; the page must not depend on what was drawn before.

    Parameters
    ----------
    text
        Has the names.
    named
        Pattern of where a name is given.
    used
        Pattern of every place that it stands in, with `{}` for the names.
    """
    names = list(dict.fromkeys(re.findall(named, text)))
    if not names:
        return text
    counted = {name: f"{name.rstrip('0123456789')}{place}" for place, name in enumerate(names, start=1)}
    return re.sub(used.format("|".join(names)), lambda match: counted[match[1]], text)


def _still(specification: str) -> str:
    import vl_convert

    picture = vl_convert.vegalite_to_svg(specification)
    picture = _renumbered(picture, r'id="((?:gradient_|clip)\d+)"', r'(?<=[#"])({})(?=[)"])')
    encoded = base64.b64encode(picture.encode()).decode()
    return f"data:image/svg+xml;base64,{encoded}" if len(encoded) <= STILL_LIMIT else ""


@lru_cache(maxsize=1)
def vega_bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, as vl-convert brings them: no network is asked."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub lacks the default
    if re.search("</script|<!--", bundle, re.IGNORECASE):
        raise AssertionError("the bundled Vega would end the script element it lies in")
    return bundle
