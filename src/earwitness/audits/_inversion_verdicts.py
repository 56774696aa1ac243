"""What the inversion audit says in plain words; the rules are in the notes of `earwitness.audits.inversion`."""

from typing import Literal

from earwitness.audits import _words as words
from earwitness.audits._tables import estimates
from earwitness.results import AuditResult, Verdict
from earwitness.stats import Estimate

Status = Literal["holds", "breaks", "open"]

NEAR = 0.05
"""A sound is nearer than most real clips where at most this share of them lies nearer."""


def verdicts(result: AuditResult) -> tuple[Verdict, ...]:
    """Who else hears the label in the sound; how near it came; and what the controls did."""
    return (_transfer(result), _gap(result), *_untrained(result))


def _transfer(result: AuditResult) -> Verdict:
    target, first = result.parameters["target"], _first(result)
    nearer = result.estimate("real clips nearer", run=first, among="all clips")
    loss, nearest = result.estimate("loss", run=first), result.estimate("nearest clip's loss", run=first)
    text = (
        f"A sound made of noise lies nearer to {target} than **{words.percent(1 - nearer.value)}** of "
        f"{nearer.n:,} real clips {_turned(nearer)} (loss {_loss(loss)}, the nearest real clip {_loss(nearest)})"
    )
    found = estimates(result, "recognised")
    if not found:
        return Verdict("open", "Inversion", f"{text}. No second encoder was asked what it hears in it.")
    listeners = [_listener(result, str(row["listener"])) for row, _ in found]
    listener, transfer, real, chance = listeners[0]
    times = f"{round(transfer.value * transfer.n)} of {words.counted(transfer.n, 'such sound')}"
    text += (
        f", and {listener} puts **{times}** with “{result.parameters['class']}” "
        f"{words.percent_interval(transfer)} %, and {words.percent(real.value)} {words.percent_interval(real)} of its "
        f"real clips; chance is {words.percent(chance)}."
    )
    others = [
        f"{name}: {words.percent(share.value)} of the sounds, {words.percent(clips.value)} of real clips"
        for name, share, clips, _ in listeners[1:]
    ]
    return Verdict(_status(result, transfer, real, chance), "Inversion", text, " · ".join(others))


def _listener(result: AuditResult, name: str) -> tuple[str, Estimate, Estimate, float]:
    """A listener's name, its share of the sounds and of real clips, and chance."""
    return (
        name,
        result.estimate("recognised", listener=name),
        result.estimate("real clips recognised", listener=name),
        result.estimate("chance").value,
    )


def _status(result: AuditResult, transfer: Estimate, real: Estimate, chance: float) -> Status:
    if transfer.low > chance:
        return "holds"
    among = [e for row, e in estimates(result, "real clips nearer", run=_first(result)) if row["among"] != "all clips"]
    near = bool(among) and among[0].value <= NEAR
    return "breaks" if near and transfer.high < real.low else "open"


def _gap(result: AuditResult) -> Verdict:
    """How far from the target it stays; a class mean need not be the vector of any sound."""
    parts = []
    for name, said in (("class", "the mean"), ("clip", "one clip"), ("other", "another class"), ("regularised", "")):
        if len(result.rows("relative loss", run=name)):
            left = result.estimate("relative loss", run=name)
            told = said or "with penalties"
            parts.append(f"{told} {words.percent(left.value)} {words.percent_interval(left)}")
    text = f"Of a random real clip's loss there remain for {words.listed(parts)}."
    if len(result.rows("loss", run="thresholded")):
        after = result.estimate("real clips nearer", run="thresholded", among="all clips")
        loss = result.estimate("loss", run="thresholded")
        text += (
            f" Without the bins more than {result.parameters['below_db']:g} dB below its strongest, the sound's loss "
            f"is {_loss(loss)}, and {words.percent(after.value)} of real clips lie nearer."
        )
    if len(result.rows("relative loss", run="class")):
        text += " No sound need have the mean of a class for its vector."
    return Verdict("open", "How near it came", text)


def _untrained(result: AuditResult) -> list[Verdict]:
    if not len(result.rows("loss", run="untrained")):
        return []
    ours = result.estimate("real clips nearer", run=_first(result), among="all clips")
    theirs = result.estimate("real clips nearer", run="untrained", among="all clips")
    name = result.parameters["untrained"]
    if theirs.value <= max(ours.value, NEAR):
        text = "nearness by itself says nothing of what was learnt"
    else:
        text = "it comes less near than the trained one"
    left = result.estimate("relative loss", run="untrained")
    return [
        Verdict(
            "open",
            "A network that has learnt nothing",
            f"{name}, inverted in the same way, has **{words.percent(theirs.value)}** {words.percent_interval(theirs)} "
            f"of real clips nearer, and {words.percent(left.value)} of a random clip's loss left: {text}.",
        )
    ]


def _first(result: AuditResult) -> str:
    """The run that was asked for."""
    return str(result.table["run"].iloc[0])


def _turned(share: Estimate) -> str:
    """The interval of one less a share, in per cent."""
    if share.low != share.low:
        return "[no interval]"
    return f"[{words.percent(1 - share.high)[:-2]}, {words.percent(1 - share.low)[:-2]}]"


def _loss(estimate: Estimate) -> str:
    return f"{estimate.value:.3g}"
