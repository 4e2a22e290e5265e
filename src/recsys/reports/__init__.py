"""What people read: one self-contained HTML page and one console table per evaluation."""

from recsys.reports.console import ladder_table
from recsys.reports.page import render_report

__all__ = ["ladder_table", "render_report"]
