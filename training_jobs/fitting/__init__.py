"""How a model is fitted: features to matrices, learners, calibration, thresholds. The recipes are in ``candidates``."""
