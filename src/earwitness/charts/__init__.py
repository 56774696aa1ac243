"""Pictures: tables in, Altair charts out. `save` writes any of them for a paper, a page or another program."""

from earwitness.charts.theme import save

__all__ = ["save"]
