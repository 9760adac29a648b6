"""A faithful re-implementation of the handler that this project set out to replace, to be measured beside ours.

The original served a scikit-learn pipeline (word counts and logistic regression) as an ``mlflow.pyfunc`` model: load it
with MLflow when the function starts, clean and predict each record on its own, and put each verdict with a call of its
own. Its shape is the usual one of a first streaming model, so it makes a fair floor.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_URL = re.compile(r"https?://\S+|www\.\S+")
_MENTION = re.compile(r"@\w+")
_NOT_A_LETTER = re.compile(r"[^a-z\s]")


def clean(text: str) -> str:
    """The original's clean-up: lower case, no links, no mentions, letters only."""
    text = _MENTION.sub(" ", _URL.sub(" ", text.lower()))
    return " ".join(_NOT_A_LETTER.sub(" ", text).split())


def train(texts: Sequence[str], labels: Sequence[str], folder: Path) -> None:
    """Fit the original's model and save it as it did, as an MLflow scikit-learn model.

    Args:
        texts: the tweets.
        labels: their classes.
        folder: where the MLflow model goes; must not exist.
    """
    import mlflow.sklearn  # noqa: PLC0415 - slow, and what is measured elsewhere
    from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415

    # It warns of pickles. The original used one; nobody but this process writes the one that is loaded here.
    logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)
    pipeline = make_pipeline(CountVectorizer(preprocessor=None), LogisticRegression(max_iter=300))
    pipeline.fit([clean(text) for text in texts], list(labels))
    mlflow.sklearn.save_model(pipeline, str(folder), serialization_format="cloudpickle")


class Handler:
    """What the original ran for each batch.

    Args:
        folder: the MLflow model that :func:`train` saved.
        kinesis: boto3's client, or a stand-in with ``put_record``.
        stream: the name of the stream of verdicts.
    """

    def __init__(self, folder: Path, kinesis: Any, stream: str) -> None:
        """Load the model with MLflow, as the original did when its function started."""
        import mlflow.pyfunc  # noqa: PLC0415 - part of the cold start that is measured

        self._model = mlflow.pyfunc.load_model(str(folder))
        self._kinesis = kinesis
        self._stream = stream

    def __call__(self, event: dict[str, Any], context: object = None) -> dict[str, Any]:
        """Classify the records of one batch, one by one."""
        verdicts = []
        for record in event["Records"]:
            tweet = json.loads(base64.b64decode(record["kinesis"]["data"]).decode("utf-8"))
            classification = str(self._model.predict([clean(tweet["tweet"]["tweet_text"])])[0])
            verdict = {
                "model": "cyberbullying",
                "version": "1",
                "prediction": {"tweet_id": tweet["tweet_id"], "classification": classification},
            }
            self._kinesis.put_record(
                StreamName=self._stream, Data=json.dumps(verdict), PartitionKey=str(tweet["tweet_id"])
            )
            verdicts.append(verdict)
        return {"predictions": verdicts}
