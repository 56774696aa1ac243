"""What turns a table of scores into a claim: intervals, comparisons, models, designs. It knows nothing of sound."""

from earwitness.stats.additive import AdditiveModel, additive_model
from earwitness.stats.agreement import Assignment, assignment_accuracy
from earwitness.stats.components import VarianceComponents, variance_components
from earwitness.stats.designs import (
    AliasMatrix,
    Balance,
    SequentialDesign,
    alias_matrix,
    aliasing,
    balance,
    max_aliasing,
    sequential_design,
)
from earwitness.stats.estimate import Estimate
from earwitness.stats.means import (
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
from earwitness.stats.mixed_bootstrap import BootstrapTable, bootstrap_mixed_model
from earwitness.stats.mixed_models import R2, MixedModel, mixed_model, nakagawa_r2
from earwitness.stats.multiple import TieGroups, adjust_p, tie_groups
from earwitness.stats.rank_correlation import tau_ap
from earwitness.stats.resampling import bootstrap, bootstrap_indices, bootstrap_statistics, paired_difference

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
