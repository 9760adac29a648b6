"""Entry points for the tests of the job runner: ``python -m tests.unit.local.job_programs <what>``."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

BASE = Path(os.environ["SAGEMAKER_BASE_DIR"])


def train() -> None:
    rows = (BASE / "input/data/prepared/train.csv").read_text()
    asked = json.loads((BASE / "input/config/hyperparameters.json").read_text())
    (BASE / "model/weights").write_text(rows + asked["candidate"] + os.environ["STAGE"])
    (BASE / "output/data/report.txt").write_text("fine")
    print("validation:macro_f1=0.5")
    print("validation:macro_f1=0.75 servable=1")


def process() -> None:
    name = next(iter((BASE / "processing/input/labelled").iterdir())).name
    (BASE / "processing/output/prepared/sub").mkdir()
    (BASE / "processing/output/prepared/sub/rows.txt").write_text(name)
    (BASE / "output/message").write_text('{"rows": 2}')


def fail() -> None:
    (BASE / "output/failure").write_text("the data is wrong")
    sys.exit(2)


def vanish() -> None:
    sys.exit(3)


def linger() -> None:
    time.sleep(600)


if __name__ == "__main__":
    {"train": train, "process": process, "fail": fail, "vanish": vanish, "linger": linger}[sys.argv[1]]()
