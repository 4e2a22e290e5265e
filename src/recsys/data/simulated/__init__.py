"""A simulated shop: events, items and users drawn from a model whose expected rewards are known exactly.

**The world** is drawn once from the seed. Days d are UTC days since `start`; m is the market of user u.

- Taste: log preferences of u for categories c and styles z start normal and walk by a normal step each week.
  P(c | u, d) = softmax(taste + season(c, m, d)), P(z | u, d) = softmax(style taste).
  A season is a yearly wave with its peak at a time of the category (shifted in the south) plus a weekly one.
- Activity: u starts Poisson(rate(u) * busy(m, d) * [joined and awake]) browsing sessions on d; rates are log-normal.
- Items: i has one category, one style and weights w(i, m, d) = popularity(i, m) * trend(age) * (price / list price)^-2
  * [available]; the trend rises after the launch and fades; items sell out and come back, go on sale, are delisted.
- Staples: u buys some consumables again and again, in cycles (formulas in `staples`).

**A browsing session** has one theme (c, z). It views V >= 1 items (mean v), each with P(i | theme, m, d) =
w(i, m, d) / sum of w over the theme. A share s of sessions begins with a slate drawn by the logging policy
(formulas in `logging_policy`); the item at position p is examined with probability p^-bias and, if examined, viewed
with probability appeal * sqrt(P(c | u, d) * P(z | u, d)).

**The funnel**: a view leads to the cart with cart_prob(i), from there to a purchase with buy_prob(kind), and a purchase
is sent back with return_prob(kind), one to 30 days later. The view of a staple always leads to its purchase.

**The truth**: on day d the expected views of i by u are

    sessions(u, d) * ( v P(c_i | u, d) P(z_i | u, d) w(i, m, d) / W(theme)
                       + s E(i, m, d) appeal sqrt(P(c_i | u, d) P(z_i | u, d)) )
    + P(need of staple i falls on d)

with E the probability that i is shown and examined; rewards follow through the funnel. Sessions are independent of the
past given the world, and needs are conditioned on those that arose before, so this is the expectation given everything
that can be known: no recommender can know more. Known simplifications: the hour of the day does not change what is
bought, cold items compete with their theme only, and the shop does not learn from its exposures.
"""

from recsys.data.simulated.settings import MOST_DAYS, MOST_IDS, CategoryKind, Market, ShopSettings
from recsys.data.simulated.shop import SimulatedShop

__all__ = ["MOST_DAYS", "MOST_IDS", "CategoryKind", "Market", "ShopSettings", "SimulatedShop"]
