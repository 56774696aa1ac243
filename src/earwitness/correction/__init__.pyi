from .alignment import CORAL, DomainStandardizer
from .directions import (
    chance_cosine,
    cosine,
    lda_direction,
    lda_directions,
    mean_direction,
    mean_directions,
    metric_cosine,
    orthonormal_rows,
    participation_ratio,
    random_directions,
    subspace_cosine,
)
from .erasure import INLP, LEACE
from .features import KERNELS, feature_map, median_distance
from .files import Fitted, load, load_with_notes, save
from .methods import METHODS, make_correction
from .projection import DomainProjection
from .strata import StratumDirections, stratum_directions
from .tables import apply_table, fit_table

__all__ = [
    "CORAL",
    "INLP",
    "KERNELS",
    "LEACE",
    "METHODS",
    "DomainProjection",
    "DomainStandardizer",
    "Fitted",
    "StratumDirections",
    "apply_table",
    "chance_cosine",
    "cosine",
    "feature_map",
    "fit_table",
    "lda_direction",
    "lda_directions",
    "load",
    "load_with_notes",
    "make_correction",
    "mean_direction",
    "mean_directions",
    "median_distance",
    "metric_cosine",
    "orthonormal_rows",
    "participation_ratio",
    "random_directions",
    "save",
    "stratum_directions",
    "subspace_cosine",
]
