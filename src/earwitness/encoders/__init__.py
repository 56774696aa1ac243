"""Encoders: sound to vectors. The protocol, its check, those built in, and adapters for those of others."""

from earwitness.encoders.catalogue import list_encoders, load_encoder
from earwitness.encoders.check import EncoderCheck, check_encoder
from earwitness.encoders.precomputed import PrecomputedEncoder
from earwitness.encoders.protocol import Differentiable, Encoder, Tagger, validate_output

__all__ = [
    "Differentiable",
    "Encoder",
    "EncoderCheck",
    "PrecomputedEncoder",
    "Tagger",
    "check_encoder",
    "list_encoders",
    "load_encoder",
    "validate_output",
]
