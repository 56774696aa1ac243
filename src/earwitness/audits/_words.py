"""The few phrases that all verdicts share: numbers with their intervals, and the controls' line."""

from collections.abc import Sequence

from earwitness.stats import Estimate


def number(value: float, digits: int = 2) -> str:
    """Two digits, without a minus before zero."""
    return f"{value:.{digits}f}".replace("-0.00", "0.00") if digits == 2 else f"{value:.{digits}f}"


def interval(estimate: Estimate) -> str:
    """[0.92, 0.96], or that there is none."""
    if estimate.low != estimate.low:
        return "[no interval]"
    return f"[{number(estimate.low)}, {number(estimate.high)}]"


def percent(value: float) -> str:
    """9 %, and 0.4 % where whole per cents would hide it."""
    value *= 100
    return f"{value:.1f} %" if 0 < abs(value) < 1 else f"{value:.0f} %"


def percent_interval(estimate: Estimate) -> str:
    """[6, 13], in per cent."""
    if estimate.low != estimate.low:
        return "[no interval]"
    return f"[{percent(estimate.low)[:-2]}, {percent(estimate.high)[:-2]}]"


def counted(count: int, noun: str) -> str:
    """1 clip, 2 clips."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}{'es' if noun.endswith('s') else 's'}"


def beside(encoder: str, value: float, difference: Estimate) -> str:
    """A control's value, and by how much the audited encoder differs from it."""
    return f"{encoder} {number(value)} (difference {difference.value:+.2f} {interval(difference)})"


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
