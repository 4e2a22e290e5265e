"""Write docs/settings.md and docs/features.md from the code."""

from pathlib import Path

from reference.features_page import features_page
from reference.settings_page import settings_page

DOCS = Path(__file__).parents[1] / "docs"

if __name__ == "__main__":
    settings = DOCS / "settings.md"
    settings.write_text(settings_page(settings.read_text(encoding="utf-8")), encoding="utf-8")
    (DOCS / "features.md").write_text(features_page(), encoding="utf-8")
