"""Every chart of a report as a file, for a paper."""

from collections.abc import Sequence
from pathlib import Path

from earwitness.errors import InputError
from earwitness.report.folder import file_name
from earwitness.report.words import is_control
from earwitness.results import AuditResult, charts_of
from earwitness.store import whole_file

FORMATS = ("png", "svg", "pdf")


def save_figures(results: Sequence[AuditResult], folder: str | Path, suffix: str) -> list[Path]:
    """Save the charts as `<audit>-<number>.<suffix>`.

    Parameters
    ----------
    results
        Of any audits and encoders.
    folder
        Made where it is missing.
    suffix
        "png", "svg" or "pdf".

    Raises
    ------
    InputError
        If the format is none of the three, or the folder cannot be written to.
    """
    from earwitness.charts import save

    if suffix not in FORMATS:
        raise InputError(f"figures can be saved as {', '.join(FORMATS)}, not as {suffix!r}")
    saved = []
    for audit in dict.fromkeys(result.audit for result in results):
        mine = sorted((result for result in results if result.audit == audit), key=is_control)
        for place, chart in enumerate(charts_of(mine).values(), start=1):
            path = Path(folder) / f"{file_name(audit)}-{place}.{suffix}"
            with whole_file(path) as draft:
                save(chart, draft)
            saved.append(path)
    return saved
