"""Which stacks there are, and which needs which."""

from __future__ import annotations

from aws_cdk import App, Environment, PermissionsBoundary, Tags

from cdk_app.stages import PRODUCT, StageConfig
from cdk_app.validations import validate
from stacks.delivery import DeliveryStack
from stacks.ingest import IngestStack
from stacks.monitoring import MonitoringStack
from stacks.storage import StorageStack
from stacks.streaming import StreamingStack
from stacks.tracking import TrackingStack
from stacks.training import TrainingStack


def compose(app: App, stage: StageConfig) -> None:
    """Put the stacks of a stage into an app."""
    environment = Environment(account=stage.account, region=stage.region)
    common = {
        "env": environment,
        "termination_protection": stage.keep_data,
        "permissions_boundary": PermissionsBoundary.from_name(stage.permissions_boundary)
        if stage.permissions_boundary
        else None,
    }
    storage = StorageStack(app, stage.stack("storage"), stage=stage, **common)
    streaming = StreamingStack(app, stage.stack("streaming"), stage=stage, storage=storage, **common)
    tracking = TrackingStack(app, stage.stack("tracking"), stage=stage, storage=storage, **common)
    TrainingStack(app, stage.stack("training"), stage=stage, storage=storage, tracking=tracking, **common)
    MonitoringStack(app, stage.stack("monitoring"), stage=stage, storage=storage, streaming=streaming, **common)
    if stage.ingest.source is not None:
        IngestStack(app, stage.stack("ingest"), stage=stage, storage=storage, streaming=streaming, **common)
    if stage.delivery is not None:
        DeliveryStack(app, stage.stack("delivery"), stage=stage, settings=stage.delivery, **common)
    Tags.of(app).add("project", PRODUCT)
    Tags.of(app).add("stage", stage.name)
    validate(app)
