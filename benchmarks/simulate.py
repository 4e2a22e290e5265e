"""Time the simulated shop: print events, seconds and peak memory.

Run `python -m benchmarks.simulate [N_USERS N_ITEMS N_DAYS]`. The default is about 11 million events; the bar is
10 million within 60 seconds on 2 cores, in bounded memory.
"""

import resource
import sys
import time

from recsys.data.simulated import ShopSettings, SimulatedShop


def main() -> None:
    """Draw every event of a large shop, block by block, and keep none."""
    n_users, n_items, n_days = (int(text) for text in sys.argv[1:]) if len(sys.argv) > 1 else (100_000, 20_000, 200)
    began = time.perf_counter()
    shop = SimulatedShop(ShopSettings(n_users=n_users, n_items=n_items, n_days=n_days))
    n_events = sum(frame.height for frame in shop.events())
    seconds = time.perf_counter() - began
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{n_users:,} users, {n_items:,} items, {n_days} days: {n_events:,} events in {seconds:.1f} s,")
    print(f"{n_events / seconds:,.0f} events per second, peak memory {peak_gib:.2f} GiB")


if __name__ == "__main__":
    main()
