"""What a person is handed: one self-contained page, the results as files, a model card, sounds to listen to.

It reads results and draws; it computes no audit. Everything that comes from files (clip names, labels, reasons)
is data: it is escaped, and never decides where something is written.
"""

from earwitness.report.card import model_card
from earwitness.report.figures import save_figures
from earwitness.report.folder import read_results, write
from earwitness.report.summary import print_summary

__all__ = ["model_card", "print_summary", "read_results", "save_figures", "write"]
