"""Training and processing jobs without SageMaker: the same requests, folders, environment and answers.

The local state machine puts each job's request into a queue with a task token. :mod:`~local.jobs.runner` takes it from
there, :mod:`~local.jobs.job` runs its entry point in a process of its own, :mod:`~local.jobs.folders` fetches its
inputs and uploads its outputs.

Sources: Amazon SageMaker AI Developer Guide, "Amazon SageMaker Training Storage Paths for Training Datasets,
Checkpoints, Model Artifacts, and Outputs" and "How Amazon SageMaker Processing Configures Input and Output For Your
Processing Container".
"""
