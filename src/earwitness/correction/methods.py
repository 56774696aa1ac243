"""Corrections by the names that people type."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from earwitness.errors import InputError

if TYPE_CHECKING:
    from earwitness.correction._base import Correction


class Method(NamedTuple):
    """Where a correction is made, the options its name stands for, and one line on it."""

    path: str
    options: Mapping[str, Any]
    description: str


_PROJECTION = "earwitness.correction.projection:DomainProjection"

METHODS: dict[str, Method] = {
    "none": Method(_PROJECTION, {"direction": "none", "standardize": "none"}, "the embedding as it is"),
    "lda": Method(_PROJECTION, {"direction": "lda"}, "off the normal of the discriminant between domains"),
    "mlda": Method(_PROJECTION, {"direction": "lda", "per_stratum": True}, "the same, off one normal a stratum"),
    "k": Method(_PROJECTION, {"direction": "none", "kernel": "rff"}, "kernel features, nothing removed"),
    "klda": Method(_PROJECTION, {"direction": "lda", "kernel": "rff"}, "lda in the space of kernel features"),
    "mklda": Method(
        _PROJECTION, {"direction": "lda", "kernel": "rff", "per_stratum": True}, "mlda in the space of kernel features"
    ),
    "mean": Method(_PROJECTION, {"direction": "mean"}, "off the difference of the domains' means"),
    "leace": Method("earwitness.correction.erasure:LEACE", {}, "least-squares concept erasure"),
    "inlp": Method("earwitness.correction.erasure:INLP", {}, "iterative null-space projection"),
    "coral": Method("earwitness.correction.alignment:CORAL", {}, "align means and covariances; needs the domain"),
    "zscore": Method(
        "earwitness.correction.alignment:DomainStandardizer", {}, "standardise each domain; needs the domain"
    ),
    "random": Method(_PROJECTION, {"direction": "random"}, "off random directions: the control for removing anything"),
}


def make_correction(method: str, **options: Any) -> "Correction":
    """An unfitted correction.

    Parameters
    ----------
    method
        A key of `METHODS`.
    options
        Of its class; they win over those that the name stands for.

    Raises
    ------
    InputError
        If there is no such method or option; the message suggests the nearest.

    Examples
    --------
    >>> make_correction("mlda", min_per_side=10)
    DomainProjection(min_per_side=10, per_stratum=True)
    """
    if method not in METHODS:
        nearest = get_close_matches(method, METHODS, 1, cutoff=0.5)
        mend = f"Did you mean {nearest[0]!r}?" if nearest else f"There are {', '.join(METHODS)}."
        raise InputError(f"no correction {method!r}. {mend}")
    module, _, name = METHODS[method].path.partition(":")
    made = getattr(import_module(module), name)
    known = made().get_params()
    unknown = [option for option in options if option not in known]
    if unknown:
        raise InputError(f"{method} has no option {unknown[0]!r}; it has {', '.join(known)}")
    correction: Correction = made(**{**METHODS[method].options, **options})
    return correction
