"""What turns a table of scores into a claim: intervals, comparisons, models, designs. It knows nothing of sound."""

from earwitness.stats.agreement import Assignment, assignment_accuracy
from earwitness.stats.estimate import Estimate
from earwitness.stats.means import (
    Contrasts,
    MarginalMeans,
    TermTests,
    contrasts,
    marginal_means,
    marginal_slopes,
    term_tests,
)
from earwitness.stats.mixed_bootstrap import BootstrapTable, bootstrap_mixed_model
from earwitness.stats.mixed_models import R2, MixedModel, mixed_model, nakagawa_r2
from earwitness.stats.multiple import TieGroups, adjust_p, tie_groups
from earwitness.stats.resampling import bootstrap, bootstrap_indices, bootstrap_statistics, paired_difference
from earwitness.stats.tau_ap import tau_ap

__all__ = [
    "R2",
    "Assignment",
    "BootstrapTable",
    "Contrasts",
    "Estimate",
    "MarginalMeans",
    "MixedModel",
    "TermTests",
    "TieGroups",
    "adjust_p",
    "assignment_accuracy",
    "bootstrap",
    "bootstrap_indices",
    "bootstrap_mixed_model",
    "bootstrap_statistics",
    "contrasts",
    "marginal_means",
    "marginal_slopes",
    "mixed_model",
    "nakagawa_r2",
    "paired_difference",
    "tau_ap",
    "term_tests",
    "tie_groups",
]
