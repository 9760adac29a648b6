"""Fetches the public data set the project is meant for, ``andrewmvd/cyberbullying-classification`` on Kaggle.

Its tweets are real and offensive; they are fetched by whoever wants them and never shipped with the project.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

DATASET: Final = "andrewmvd/cyberbullying-classification"
FILE_NAME: Final = "cyberbullying_tweets.csv"


class FetchError(Exception):
    """The data set could not be had; the message says what to do."""


def fetch(folder: Path, download: Callable[[str], str]) -> Path:
    """Put the data set's file into a folder; a file that is there already is left alone.

    Args:
        folder: where to; made if it is not there.
        download: takes the data set's handle and returns the folder it was downloaded to, as kagglehub's does.

    Raises:
        FetchError: there is no network, no access, or the data set no longer has the file.
    """
    target = folder / FILE_NAME
    if target.exists():
        return target
    try:
        downloaded = Path(download(DATASET)) / FILE_NAME
    except Exception as error:
        raise FetchError(
            f"could not download {DATASET} from Kaggle ({type(error).__name__}). Check the network, or download "
            f"{FILE_NAME} by hand and pass it on: make demo DATA=path/to/{FILE_NAME}"
        ) from error
    if not downloaded.exists():
        raise FetchError(f"{DATASET} was downloaded, but it holds no {FILE_NAME}")
    folder.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    shutil.copyfile(downloaded, partial)
    return partial.replace(target)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training_jobs.fetch", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder to put the file into (default: data)")
    options = parser.parse_args(arguments)
    import kagglehub  # noqa: PLC0415 - takes a second, and --help should not

    try:
        path = fetch(options.out, kagglehub.dataset_download)
    except FetchError as error:
        print(f"fetch: {error}", file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
