"""The questions: each audit takes embeddings, or a recommender, and returns an AuditResult. No drawing, no printing."""

from earwitness.audits._controls import Role
from earwitness.audits._descent import Descent
from earwitness.audits._domains import why_no_bias
from earwitness.audits._map import Projection
from earwitness.audits._sampling import equal_sample
from earwitness.audits.bias import bias
from earwitness.audits.correction import correction
from earwitness.audits.explanation import explanation
from earwitness.audits.explanation_crossed import Design, explain_recommenders
from earwitness.audits.explanation_model import explanation_model
from earwitness.audits.inversion import Listener, inversion
from earwitness.audits.linear_maps import linear_maps
from earwitness.audits.placement import placement
from earwitness.audits.robustness import Reads, robustness
from earwitness.audits.structure import structure
from earwitness.audits.transfer import transfer

__all__ = [
    "Descent",
    "Design",
    "Listener",
    "Projection",
    "Reads",
    "Role",
    "bias",
    "correction",
    "equal_sample",
    "explain_recommenders",
    "explanation",
    "explanation_model",
    "inversion",
    "linear_maps",
    "placement",
    "robustness",
    "structure",
    "transfer",
    "why_no_bias",
]
