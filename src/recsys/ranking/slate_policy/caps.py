"""At most so many items of one category, or of one brand, in the first positions."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from recsys.ranking.slate_policy.pool import Ints, Pool
from recsys.ranking.slate_policy.rule import Draw, SlateRule, Steering, Tables
from recsys.ranking.slate_policy.settings import Cap


@dataclass(frozen=True)
class Caps(SlateRule):
    """Keeps every cap as long as the user's pool holds anything else: a full list goes before a cap."""

    caps: tuple[Cap, ...]
    name: ClassVar[str] = "caps"

    def steer(self, tables: Tables, pool: Pool) -> Steering:
        """Start counting."""
        return _Counting(self.caps, pool)


class _Counting:
    """Counts for every cell how many of its kind stand above."""

    def __init__(self, caps: tuple[Cap, ...], pool: Pool) -> None:
        self._caps = caps
        self._kinds: dict[str, NDArray[np.uint32]] = {cap.by: pool.fact(cap.by) for cap in caps}
        self._above = {by: np.zeros(kinds.shape, np.int32) for by, kinds in self._kinds.items()}
        self._row = np.arange(len(pool.item_idx))

    def before(self, draw: Draw) -> Draw:
        for cap in self._caps:
            if draw.position <= cap.first:
                draw = draw.narrowed((self._above[cap.by] < cap.most) | (self._kinds[cap.by] == 0))
        return draw

    def after(self, column: Ints) -> None:
        for by, kinds in self._kinds.items():
            self._above[by] += kinds == kinds[self._row, column][:, None]
