"""The published study's pipeline, to be measured beside ours: the strongest classical recipe that was to be beaten.

Word and character TF-IDF with balanced logistic regression, in scikit-learn, called in process: no stream, no decoding,
no reasons. What it needs around it to serve a stream is left out in its favour.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

FILE: Final = "pipeline.joblib"
_FEATURES: Final = 60_000
_FEWEST: Final = 2
_MOST: Final = 0.95


def train(texts: Sequence[str], labels: Sequence[str], folder: Path) -> None:
    """Fit the pipeline and save it.

    Args:
        texts: the tweets, raw.
        labels: their classes.
        folder: made for the file; must not exist.
    """
    import joblib  # noqa: PLC0415 - slow, and what is measured elsewhere
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline, make_union  # noqa: PLC0415

    def tfidf(**options: Any) -> TfidfVectorizer:
        return TfidfVectorizer(max_features=_FEATURES, sublinear_tf=True, min_df=_FEWEST, max_df=_MOST, **options)

    pipeline = make_pipeline(
        make_union(tfidf(ngram_range=(1, 2)), tfidf(analyzer="char_wb", ngram_range=(3, 5))),
        LogisticRegression(C=1.0, class_weight="balanced", max_iter=1_000),
    )
    pipeline.fit(list(texts), list(labels))
    folder.mkdir()
    joblib.dump(pipeline, folder / FILE)


def load(folder: Path) -> Any:
    """The fitted pipeline; ``predict_proba`` takes raw tweets."""
    import joblib  # noqa: PLC0415 - part of the cold start that is measured

    return joblib.load(folder / FILE)
