from __future__ import annotations

import random
from pathlib import Path

import pytest

from moderation.labels import Label
from moderation.model import Model
from training_jobs.candidates import fit
from training_jobs.evaluation.exam import Exam
from training_jobs.evaluation.sources import unseen

SAMPLE = Path(__file__).parents[2] / "sample" / "tweets.csv"

_TOPICS = {
    Label.AGE: ["school", "bully", "bullied", "highschool", "girls", "kids", "class", "teenager", "playground"],
    Label.ETHNICITY: ["race", "skin", "colour", "country", "foreigners", "border", "nation", "origin", "tribe"],
    Label.GENDER: ["women", "girls", "sexist", "joke", "kitchen", "female", "feminist", "wife", "lady"],
    Label.RELIGION: ["church", "mosque", "faith", "bible", "prophet", "priest", "god", "holy", "temple"],
    Label.OTHER_CYBERBULLYING: ["loser", "idiot", "ugly", "stupid", "pathetic", "freak", "trash", "clown", "worthless"],
    Label.NOT_CYBERBULLYING: ["coffee", "garden", "music", "weekend", "bread", "train", "holiday", "film", "river"],
}
_FILLING = [
    "the",
    "a",
    "and",
    "with",
    "this",
    "that",
    "very",
    "really",
    "today",
    "again",
    "always",
    "never",
    "my",
    "your",
    "his",
    "about",
    "for",
    "some",
]


def made_up_tweets(count: int, seed: int) -> tuple[list[str], list[Label]]:
    """Tweets of made-up word salad which a model can tell apart."""
    chance = random.Random(seed)
    texts, labels = [], []
    for number in range(count):
        label = list(Label)[number % len(Label)]
        words = chance.choices(_TOPICS[label], k=3) + chance.choices(_FILLING, k=5)
        chance.shuffle(words)
        texts.append(" ".join(words) + chance.choice(("", ".", "!", " @somebody", " https://t.co/x")))
        labels.append(label)
    return texts, labels


@pytest.fixture(scope="session")
def tweets() -> tuple[list[str], list[Label]]:
    return made_up_tweets(360, seed=1)


@pytest.fixture(scope="session")
def model(tweets: tuple[list[str], list[Label]]) -> Model:
    texts, labels = tweets
    fitted = fit("stack", texts, labels, groups=list(range(len(texts))), seed=7, data_sha256="0" * 64)
    assert fitted.model is not None
    return fitted.model


@pytest.fixture(scope="session")
def sample_exam(tmp_path_factory: pytest.TempPathFactory) -> Exam:
    """The recipe that does best on the sample, fitted on four fifths of it, and the fifth that it has not seen."""
    return unseen(SAMPLE, "linear_svm", 7, tmp_path_factory.mktemp("sample"), lambda _what, _share: None)
