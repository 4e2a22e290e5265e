"""The composition root: one page per verb, run as `recsys VERB`."""
