"""The questions: each audit takes embeddings and returns an AuditResult. No file, no drawing, no printing."""

from earwitness.audits._controls import Role
from earwitness.audits.robustness import Reads, robustness
from earwitness.audits.structure import structure
from earwitness.audits.transfer import transfer

__all__ = ["Reads", "Role", "robustness", "structure", "transfer"]
