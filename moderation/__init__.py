"""The domain: what a tweet, a verdict and a decision are, and how one becomes the next.

Nothing in this package knows AWS, and it imports nothing from the project's other folders, so that the
same code serves the Lambda functions, the training jobs, the monitoring and the command line.
"""
