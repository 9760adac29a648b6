"""Training: plain Python entry points which run on a laptop and, unchanged, as SageMaker jobs."""
