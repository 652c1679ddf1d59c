"""The report: one campaign's results as one HTML file that needs nothing else.

The page loads nothing, runs nothing and reads nothing: what it shows is in `ReportContent`, which
the caller fills, and the same content gives the same bytes. Where results come from, and where
the page is written, is not known here.
"""

from __future__ import annotations

from benchwright.report.content import ReportContent
from benchwright.report.page import render

__all__ = ["ReportContent", "render"]
