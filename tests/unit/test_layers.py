"""The arrows between the folders only point down."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "benchmarks",
    "cdk_app",
    "ingest",
    "lambdas",
    "local",
    "moderation",
    "monitoring",
    "stacks",
    "tests",
    "tracking",
    "training_jobs",
}
MAY_IMPORT: dict[str, set[str]] = {
    "moderation": set(),
    "lambdas": {"moderation"},
    "training_jobs": {"moderation"},
    "monitoring": {"moderation"},
    "ingest": {"moderation"},
    "tracking": set(),
    "stacks": {"cdk_app"},
    "cdk_app": {"moderation", "stacks"},
}
NAMES_ONLY = {
    "lambdas.common.metric_names", "monitoring.metric_names", "ingest.metric_names",
    "training_jobs.metric_names", "moderation.labels",
}  # fmt: skip
"""Modules that hold nothing but the names on which two sides must agree; anybody may read them."""

AWS = {"boto3", "botocore", "aws_lambda_powertools", "aws_cdk", "sagemaker", "mlflow", "awslambdaric"}


def imports_of(folder: str) -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative import"
                yield path, node.module or ""
                # `from package import module` names the module only in its alias.
                yield from ((path, f"{node.module}.{alias.name}") for alias in node.names)


@pytest.mark.parametrize("folder", sorted(MAY_IMPORT))
def test_arrows_point_down(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, module in imports_of(folder)
        if module.split(".")[0] in FOLDERS - MAY_IMPORT[folder] - {folder}
        and not any(
            module == name or module.startswith(f"{name}.") or name.startswith(f"{module}.") for name in NAMES_ONLY
        )
    ]
    assert not wrong


def test_the_domain_knows_no_aws() -> None:
    wrong = [
        f"{path.name} imports {module}" for path, module in imports_of("moderation") if module.split(".")[0] in AWS
    ]
    assert not wrong


def test_nothing_imports_the_local_stage() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for folder in FOLDERS - {"local", "tests", "benchmarks"}
        if (ROOT / folder).exists()
        for path, module in imports_of(folder)
        if module.split(".")[0] == "local"
    ]
    assert not wrong
