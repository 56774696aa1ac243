"""Encoders that others have made, behind the protocol: one file per kind of thing that can be loaded."""
