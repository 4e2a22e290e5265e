"""The world of a shop: everything that is fixed before the first event, built in the order of its dependencies."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from recsys.data.simulated.catalogue import Catalogue
from recsys.data.simulated.customers import Customers
from recsys.data.simulated.draws import Floats
from recsys.data.simulated.logging_policy import LoggingPolicy
from recsys.data.simulated.seasons import Calendar
from recsys.data.simulated.settings import ShopSettings
from recsys.data.simulated.staples import Staples


@dataclass(frozen=True)
class World:
    """Latent state; what happens (`events`) and what is expected (`truth`) are both computed from it alone."""

    settings: ShopSettings
    calendar: Calendar
    catalogue: Catalogue
    customers: Customers
    staples: Staples
    policy: LoggingPolicy

    @classmethod
    def build(cls, settings: ShopSettings) -> Self:
        """Draw the world of the settings' seed."""
        calendar = Calendar(settings)
        catalogue = Catalogue(settings)
        customers = Customers(settings, calendar)
        staples = Staples(settings, catalogue, customers)
        return cls(settings, calendar, catalogue, customers, staples, LoggingPolicy(settings, catalogue))

    def attraction(self, category_prob: Floats, style_prob: Floats) -> Floats:
        """Return P(view | examined) = appeal * sqrt(P(category) * P(style)) of exposed items, elementwise."""
        return self.settings.appeal * np.sqrt(category_prob * style_prob)
