"""Metrics with baselines and intervals, robustness, disentanglement, speed, the paper's figures and tables."""

from l2sae.measures.evaluate import evaluate
from l2sae.measures.robustness import L2SAESubject, RobustnessSubject, robustness
from l2sae.measures.timings import benchmark

__all__ = ["L2SAESubject", "RobustnessSubject", "benchmark", "evaluate", "robustness"]
