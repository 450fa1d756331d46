"""Metrics with baselines and intervals, disentanglement, speed, the paper's figures and tables."""

from l2sae.evaluation.benchmark import benchmark
from l2sae.evaluation.evaluate import evaluate

__all__ = ["benchmark", "evaluate"]
