"""What a model must withstand: attacks on its spelling, sentences about groups, and the figures of both.

Nothing here is used in training, so that a model is tested on what it was not made for.
"""
