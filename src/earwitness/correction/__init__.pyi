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
from .methods import METHODS, make_correction
from .projection import DomainProjection
from .strata import StratumDirections, stratum_directions

__all__ = [
    "CORAL",
    "INLP",
    "KERNELS",
    "LEACE",
    "METHODS",
    "DomainProjection",
    "DomainStandardizer",
    "StratumDirections",
    "chance_cosine",
    "cosine",
    "feature_map",
    "lda_direction",
    "lda_directions",
    "make_correction",
    "mean_direction",
    "mean_directions",
    "median_distance",
    "metric_cosine",
    "orthonormal_rows",
    "participation_ratio",
    "random_directions",
    "stratum_directions",
    "subspace_cosine",
]
