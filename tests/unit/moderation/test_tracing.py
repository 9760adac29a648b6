"""The context of a tweet's trace: read from whatever stands in a record, and made the same again."""

from __future__ import annotations

import re

import pytest

from moderation.tracing import (
    Place,
    TraceContext,
    handing_on_id,
    is_chosen,
    new_trace_id,
    node_name,
    read_header,
    segment_id,
)

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"


@pytest.mark.parametrize(
    ("text", "context"),
    [
        (f"Root={ROOT};Parent={PARENT};Sampled=1", TraceContext(ROOT, PARENT, sampled=True)),
        (f"Sampled=0; Root={ROOT}", TraceContext(ROOT, None, sampled=False)),
        (f"Root={ROOT};Parent=me;Sampled=?;Lineage=a:1", TraceContext(ROOT, None, sampled=False)),
        (f"Self=1-0;Root={ROOT};Sampled=1", TraceContext(ROOT)),
    ],
)
def test_a_header_is_read(text: str, context: TraceContext) -> None:
    assert read_header(text) == context


@pytest.mark.parametrize(
    "text", [None, "", "Root=", "Sampled=1", f"Root={ROOT}x", "a name that is none", f"Root={ROOT};" + "x" * 300, ";=;"]
)
def test_what_is_no_header_starts_no_trace(text: str | None) -> None:
    assert read_header(text) is None


@pytest.mark.parametrize("context", [TraceContext(ROOT), TraceContext(ROOT, PARENT, sampled=False)])
def test_what_is_written_is_read_again(context: TraceContext) -> None:
    assert read_header(context.header()) == context


def test_a_trace_id_is_of_xrays_form_and_of_its_moment_and_tweet() -> None:
    made = new_trace_id(1795392000.5, "1801")
    assert re.fullmatch(r"1-[0-9a-f]{8}-[0-9a-f]{24}", made)
    assert int(made.split("-")[1], 16) == 1795392000
    assert made == new_trace_id(1795392000.5, "1801")
    assert len({made, new_trace_id(1795392000.6, "1801"), new_trace_id(1795392000.5, "1802")}) == 3


def test_segments_of_a_trace_differ_by_tweet_and_place() -> None:
    makers = (segment_id, handing_on_id)
    made = {make(ROOT, tweet, place) for make in makers for tweet in ("1", "2") for place in Place}
    assert len(made) == 4 * len(Place)
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in made)


def test_each_place_leads_to_the_next() -> None:
    assert [place.following for place in Place] == [*list(Place)[1:], None]


def test_the_share_that_is_chosen_is_the_share_that_was_asked_for() -> None:
    tweets = [f"tweet-{number}" for number in range(20_000)]
    assert sum(is_chosen(tweet, 0.05) for tweet in tweets) == pytest.approx(1000, rel=0.15)
    assert all(is_chosen(tweet, 1.0) for tweet in tweets)
    assert not any(is_chosen(tweet, 0.0) for tweet in tweets)


def test_nodes_carry_their_stage_and_have_names_that_xray_takes() -> None:
    """AWS X-Ray Developer Guide, segment documents, ``name``."""
    names = {node_name("dev", place) for place in Place}
    assert len(names) == len(Place)
    assert all(re.fullmatch(r"[\w\s.:/%&#=+\\\-@]{1,200}", name) and "_dev_" in name for name in names)
