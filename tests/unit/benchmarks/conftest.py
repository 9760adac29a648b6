from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import original, study, tweets
from benchmarks.job import Job, Scale
from tests.fakes.artefact import save_keyword_model

ROOT = Path(__file__).parents[3]
TINY = Scale(
    rounds=1,
    sizes=(1, 10),
    tweets=60,
    slow_tweets=20,
    single_tweets=4,
    characters=200,
    posts=700,
    windows=(300,),
    rounds_of_stages=1,
)


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """All three models, of a few rows of the sample, and tweets to measure them on."""
    work = tmp_path_factory.mktemp("benchmark")
    rows, held_out = tweets.split(tweets.read(ROOT / tweets.SAMPLE))
    folders = {side: str(work / side) for side in ("ours", "study", "original")}
    save_keyword_model(Path(folders["ours"]))
    study.train(rows.texts[:120], rows.labels[:120], Path(folders["study"]))
    original.train(rows.texts[:120], rows.labels[:120], Path(folders["original"]))
    texts = work / "texts.json"
    texts.write_text(json.dumps(tweets.distinct(held_out, TINY.tweets)))
    return Job(folders, str(texts), TINY)
