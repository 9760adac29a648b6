"""The execution environments of one function: started when they are needed, kept warm, never more than allowed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final

from local.lambda_host.environment import ExecutionEnvironment, FunctionConfig
from local.lambda_host.runtime_api import Invocation

MOST_ENVIRONMENTS: Final = max(2, os.cpu_count() or 2)
"""Processes per function on this machine; beyond that, invocations wait for one."""

_WAIT_SECONDS: Final = 300.0


class ThrottledError(Exception):
    """The function runs as often as its reserved concurrency allows."""


class Pool:
    """Environments of one function.

    Args:
        config: of the function.
        create: starts an environment.
        most: processes at the same time, whatever the reserved concurrency.
    """

    def __init__(
        self,
        config: FunctionConfig,
        create: Callable[[FunctionConfig], ExecutionEnvironment],
        most: int = MOST_ENVIRONMENTS,
    ) -> None:
        self.config = config
        self._create = create
        self._most = most
        self._idle: list[ExecutionEnvironment] = []
        self._busy: set[ExecutionEnvironment] = set()
        self._starting = 0
        self._waiting = 0
        self._closed = False
        self._changed = threading.Condition()

    def warm(self, environments: int = 1) -> None:
        """Start environments ahead of the first invocation, as provisioned concurrency does."""
        for _ in range(min(environments, self._most)):
            environment = self._create(self.config)
            with self._changed:
                self._idle.append(environment)
                self._changed.notify_all()

    def invoke(self, payload: bytes, function_arn: str) -> Invocation:
        """Serve one invocation.

        Raises:
            ThrottledError: the reserved concurrency is used up.
        """
        environment = self._acquire()
        try:
            return environment.invoke(payload, function_arn)
        finally:
            self._release(environment)

    def environments(self) -> list[ExecutionEnvironment]:
        """Every environment that lives."""
        with self._changed:
            return [environment for environment in (*self._idle, *self._busy) if environment.alive]

    def close(self) -> None:
        """End every environment."""
        with self._changed:
            self._closed = True
            environments = [*self._idle, *self._busy]
            self._idle.clear()
            self._changed.notify_all()
        for environment in environments:
            environment.close()

    def _acquire(self) -> ExecutionEnvironment:
        deadline = time.monotonic() + _WAIT_SECONDS
        with self._changed:
            self._check_concurrency()
            self._waiting += 1
            try:
                while not self._closed:
                    self._idle = [environment for environment in self._idle if environment.alive]
                    if self._idle:
                        environment = self._idle.pop()
                        self._busy.add(environment)
                        return environment
                    if len(self._busy) + self._starting < self._most:
                        self._starting += 1
                        break
                    if not self._changed.wait(deadline - time.monotonic()):
                        raise ThrottledError(f"{self.config.name} was busy for {_WAIT_SECONDS:.0f} seconds")
                else:
                    raise ThrottledError(f"{self.config.name} is being stopped")
            finally:
                self._waiting -= 1
        return self._start_one()

    def _start_one(self) -> ExecutionEnvironment:
        try:
            environment = self._create(self.config)
        except BaseException:
            with self._changed:
                self._starting -= 1
                self._changed.notify_all()
            raise
        with self._changed:
            self._starting -= 1
            self._busy.add(environment)
        return environment

    def _check_concurrency(self) -> None:
        limit = self.config.concurrency
        if limit is not None and len(self._busy) + self._starting + self._waiting >= limit:
            raise ThrottledError(f"{self.config.name} has a reserved concurrency of {limit}")

    def _release(self, environment: ExecutionEnvironment) -> None:
        with self._changed:
            self._busy.discard(environment)
            if environment.alive and not self._closed:
                self._idle.append(environment)
            self._changed.notify_all()
