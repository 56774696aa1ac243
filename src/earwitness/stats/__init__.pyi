from .additive import AdditiveModel, additive_model
from .agreement import Assignment, assignment_accuracy
from .components import VarianceComponents, variance_components
from .designs import (
    AliasMatrix,
    Balance,
    SequentialDesign,
    alias_matrix,
    aliasing,
    balance,
    max_aliasing,
    sequential_design,
)
from .estimate import Estimate
from .means import (
    Contrasts,
    MarginalMeans,
    SmoothCurves,
    TermTests,
    contrasts,
    marginal_means,
    marginal_slopes,
    smooth_curves,
    term_tests,
)
from .mixed_bootstrap import BootstrapTable, bootstrap_mixed_model
from .mixed_models import R2, MixedModel, mixed_model, nakagawa_r2
from .multiple import TieGroups, adjust_p, tie_groups
from .rank_correlation import tau_ap
from .resampling import bootstrap, bootstrap_indices, bootstrap_statistics, paired_difference

__all__ = [
    "R2",
    "AdditiveModel",
    "AliasMatrix",
    "Assignment",
    "Balance",
    "BootstrapTable",
    "Contrasts",
    "Estimate",
    "MarginalMeans",
    "MixedModel",
    "SequentialDesign",
    "SmoothCurves",
    "TermTests",
    "TieGroups",
    "VarianceComponents",
    "additive_model",
    "adjust_p",
    "alias_matrix",
    "aliasing",
    "assignment_accuracy",
    "balance",
    "bootstrap",
    "bootstrap_indices",
    "bootstrap_mixed_model",
    "bootstrap_statistics",
    "contrasts",
    "marginal_means",
    "marginal_slopes",
    "max_aliasing",
    "mixed_model",
    "nakagawa_r2",
    "paired_difference",
    "sequential_design",
    "smooth_curves",
    "tau_ap",
    "term_tests",
    "tie_groups",
    "variance_components",
]
