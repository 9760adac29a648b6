"""Lambda on one machine: every execution environment is a process of the real runtime client (``awslambdaric``).

:mod:`~local.lambda_host.runtime_api` serves the Runtime API that the client speaks,
:mod:`~local.lambda_host.environment` is one execution environment with its limits, :mod:`~local.lambda_host.pool` keeps
the environments of one function, :mod:`~local.lambda_host.host` takes invocations,
:mod:`~local.lambda_host.telemetry` carries logs and metrics to where CloudWatch would show them, and
:mod:`~local.lambda_host.xray` takes the segments of traces.
"""
