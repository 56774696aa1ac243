from . import (
    audio,
    audits,
    charts,
    correction,
    datasets,
    distances,
    encoders,
    errors,
    learning,
    recommend,
    report,
    stats,
)
from .datasets import Clips, Interactions, load_clips, load_interactions
from .embeddings import Embeddings
from .encoders import Encoder, check_encoder, load_encoder
from .extraction import embed
from .pipeline import Settings, audit_encoders
from .results import AuditResult, Estimate, Verdict

__version__: str

__all__ = [
    "AuditResult",
    "Clips",
    "Embeddings",
    "Encoder",
    "Estimate",
    "Interactions",
    "Settings",
    "Verdict",
    "audio",
    "audit_encoders",
    "audits",
    "charts",
    "check_encoder",
    "correction",
    "datasets",
    "distances",
    "embed",
    "encoders",
    "errors",
    "learning",
    "load_clips",
    "load_encoder",
    "load_interactions",
    "recommend",
    "report",
    "stats",
]
