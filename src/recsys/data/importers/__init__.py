"""The dataset layouts that can be read, by the name that `--format` takes."""

from recsys.data.importers.generic import EventImporter
from recsys.data.importers.movielens import MovieLensImporter
from recsys.data.importers.online_retail import OnlineRetailImporter
from recsys.data.importers.protocol import Arrivals, Importer, MalformedLine
from recsys.data.importers.retailrocket import RetailRocketImporter

IMPORTERS: dict[str, Importer] = {
    importer.name: importer
    for importer in (EventImporter(), OnlineRetailImporter(), MovieLensImporter(), RetailRocketImporter())
}
"""Every importer; a further layout is a module beside these and an entry here."""

__all__ = ["IMPORTERS", "Arrivals", "Importer", "MalformedLine"]
