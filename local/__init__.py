"""One machine that looks like AWS: the same stacks, functions and jobs, without an account and without Docker.

An emulator takes the real ``cdk deploy``; what it cannot do is done here with the documented behaviour of the
service: functions run as the real Lambda runtime client in their own processes (:mod:`local.lambda_host`), streams
are polled as Lambda polls them (:mod:`local.poller`), and training jobs run in SageMaker's folder layout
(:mod:`local.jobs`). Nothing in the rest of the project imports this package.
"""
