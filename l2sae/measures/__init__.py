"""Numbers only: metrics with baselines and intervals, robustness, disentanglement, speed."""
