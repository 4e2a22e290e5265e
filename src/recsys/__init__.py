"""Time-aware, batch-first recommendation: learn, precompute, evaluate and serve on one clock."""
