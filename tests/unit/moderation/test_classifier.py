from __future__ import annotations

from datetime import UTC, datetime

import pytest

from moderation.classifier import Classifier
from moderation.labels import LABELS, Label
from moderation.messages import Decision, Tweet, TweetEvent
from tests.fakes.artefact import DOUBTFUL, HARMLESS_TEXT, insult, keyword_model

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def event(text: str, tweet_id: str = "1") -> TweetEvent:
    return TweetEvent(tweet_id=tweet_id, tweet=Tweet(text), author_id="a", source="x", created_at="then")


def test_verdicts_come_in_order_with_everything_the_contract_asks_for() -> None:
    texts = [insult(Label.AGE), HARMLESS_TEXT, insult(Label.RELIGION)]
    verdicts = Classifier(keyword_model(), "7").classify([event(t, str(n)) for n, t in enumerate(texts)], NOW)
    assert [v.prediction.tweet_id for v in verdicts] == ["0", "1", "2"]
    assert [v.prediction.classification for v in verdicts] == [Label.AGE, Label.NOT_CYBERBULLYING, Label.RELIGION]
    first = verdicts[0]
    assert (first.version, first.author_id, first.source, first.tweeted_at) == ("7", "a", "x", "then")
    assert first.classified_at == "2026-11-23T09:00:00.000Z"
    assert set(first.prediction.scores) == set(LABELS)
    assert sum(first.prediction.scores.values()) == pytest.approx(1, abs=1e-5)
    assert first.prediction.confidence == first.prediction.scores[Label.AGE]


def test_flagged_and_referred_verdicts_are_explained_and_others_are_not() -> None:
    texts = [insult(Label.GENDER), f"{HARMLESS_TEXT} {DOUBTFUL}", HARMLESS_TEXT]
    flagged, referred, passed = Classifier(keyword_model(), "7").classify([event(text) for text in texts])
    assert flagged.prediction.decision is Decision.FLAG
    assert [reason.text for reason in flagged.prediction.reasons] == [insult(Label.GENDER)]
    assert referred.prediction.decision is Decision.REFER
    assert [reason.text for reason in referred.prediction.reasons] == [DOUBTFUL]
    assert passed.prediction.decision is Decision.PASS
    assert passed.prediction.reasons == []


def test_reasons_can_be_left_out() -> None:
    (verdict,) = Classifier(keyword_model(), "7", explain=False).classify([event(insult(Label.AGE))])
    assert verdict.prediction.decision is Decision.FLAG
    assert verdict.prediction.reasons == []


def test_no_tweets_no_verdicts() -> None:
    assert Classifier(keyword_model(), "7").classify([]) == []
