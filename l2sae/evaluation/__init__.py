"""Metrics with baselines and intervals, robustness, disentanglement, speed, the paper's figures and tables."""

from l2sae.evaluation.benchmark import benchmark
from l2sae.evaluation.evaluate import evaluate
from l2sae.evaluation.robustness import L2SAESubject, RobustnessSubject, robustness

__all__ = ["L2SAESubject", "RobustnessSubject", "benchmark", "evaluate", "robustness"]
