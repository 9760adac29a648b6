"""Prepare a data set for training: check it, set aside what must not be learnt from, group near duplicates, deal folds.

Reads every CSV file of the processing input ``labelled`` and writes the processing output ``prepared``. Says whether
there are a champion that this code can adapt and enough reviewed tweets (in the folder ``reviewed/``) to recalibrate
it. Where the data is at fault it ends with exit code 2 and names the file and the rows, never their text.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from moderation.labels import LABELS
from training_jobs import entrypoint
from training_jobs.dataset import LabelledTweet, RejectedTweet, count_reasons, read_labelled, select
from training_jobs.duplicates import group_near_duplicates
from training_jobs.environment import JobEnvironment
from training_jobs.errors import InputError
from training_jobs.folders import Folders
from training_jobs.folds import FOLDS, assign_folds, text_hashes
from training_jobs.prepared import Prepared, PreparedTweet, Summary, data_sha256, write_prepared
from training_jobs.recalibrated import can_compete
from training_jobs.tracking import Tracker, fails_with_job, tracker_for

log = logging.getLogger(__name__)

LEAST_PER_CLASS: Final = 10
"""Rows a class must have: two in each fold, so that the candidates' own folds still find it everywhere."""


def prepare(folders: Folders, tracker: Tracker) -> Summary:
    """Do the work of the step; see the module.

    Raises:
        InputError: the data is at fault.
    """
    read = read_labelled(folders.processing_input("labelled"))
    kept, rejected = select(read)
    _check_classes(kept)
    tweets = _grouped(kept)
    summary = _summary(kept, rejected, tweets, tracker.execution_run())
    with fails_with_job(tracker, summary.run_id):
        write_prepared(folders.processing_output("prepared"), summary, tweets, rejected)
        _report(summary, tracker)
        recalibrate = can_compete(Prepared(summary, tweets), tracker)
    folders.write_message(
        {
            "data_sha256": summary.data_sha256,
            "rows": summary.rows,
            "run_id": summary.run_id,
            "recalibrate": recalibrate,
        }
    )
    return summary


def _grouped(kept: Sequence[LabelledTweet]) -> list[PreparedTweet]:
    texts = [tweet.text for tweet in kept]
    groups = group_near_duplicates(texts)
    folds = assign_folds([tweet.label for tweet in kept], groups, text_hashes(texts))
    return [
        PreparedTweet(tweet.text, tweet.label, group, fold, tweet.file, tweet.row)
        for tweet, group, fold in zip(kept, groups.tolist(), folds.tolist(), strict=True)
    ]


def _check_classes(kept: Sequence[LabelledTweet]) -> None:
    """A class with next to no rows can be neither learnt nor measured."""
    counts = Counter(tweet.label for tweet in kept)
    short = [f"{label.value} ({counts[label]})" for label in LABELS if counts[label] < LEAST_PER_CLASS]
    if short:
        raise InputError(
            f"after setting rows aside, classes have fewer than {LEAST_PER_CLASS} rows: {', '.join(short)}"
        )


def _summary(
    kept: Sequence[LabelledTweet], rejected: Sequence[RejectedTweet], tweets: Sequence[PreparedTweet], run_id: str
) -> Summary:
    counts = Counter(tweet.label for tweet in kept)
    return Summary(
        data_sha256=data_sha256(kept),
        rows=len(kept),
        read=len(kept) + len(rejected),
        rejected=count_reasons(rejected),
        groups=len({tweet.group for tweet in tweets}),
        classes={label.value: counts[label] for label in LABELS},
        folds=np.bincount([tweet.fold for tweet in tweets], minlength=FOLDS).tolist(),
        run_id=run_id,
    )


def _report(summary: Summary, tracker: Tracker) -> None:
    log.info("read %d rows, kept %d in %d groups", summary.read, summary.rows, summary.groups)
    log.info("set aside: %s", ", ".join(f"{rows} {reason}" for reason, rows in summary.rejected.items()))
    log.info("data sha256 %s", summary.data_sha256)
    if summary.run_id:
        figures = {f"data/{name}": float(count) for name, count in summary.rejected.items()}
        figures |= {"data/read": float(summary.read), "data/rows": float(summary.rows)}
        figures |= {f"data/{name}": float(count) for name, count in summary.classes.items()}
        tracker.log(summary.run_id, metrics=figures, tags={"data_sha256": summary.data_sha256})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the step from the command line; returns the exit code."""
    entrypoint.parser("training_jobs.prepare", __doc__).parse_args(arguments)

    def work(folders: Folders) -> None:
        prepare(folders, tracker_for(JobEnvironment.from_environment()))

    return entrypoint.run(work)


if __name__ == "__main__":
    sys.exit(main())
