"""What people read: one self-contained HTML page and one console table per evaluation, and one of channels."""

from recsys.reports.console import channel_table, ladder_table
from recsys.reports.page import render_report

__all__ = ["channel_table", "ladder_table", "render_report"]
