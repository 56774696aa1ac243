"""What turns a table of scores into a claim: intervals, comparisons, models, designs. It knows nothing of sound."""

from earwitness.stats.agreement import Assignment, assignment_accuracy
from earwitness.stats.estimate import Estimate
from earwitness.stats.multiple import TieGroups, adjust_p, tie_groups
from earwitness.stats.resampling import bootstrap, bootstrap_indices, bootstrap_statistics, paired_difference

__all__ = [
    "Assignment",
    "Estimate",
    "TieGroups",
    "adjust_p",
    "assignment_accuracy",
    "bootstrap",
    "bootstrap_indices",
    "bootstrap_statistics",
    "paired_difference",
    "tie_groups",
]
