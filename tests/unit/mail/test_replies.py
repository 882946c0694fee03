"""The table of docs/mail.md, reply by reply."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.mail.replies import FULL, HARD, Reply, Stage, Verdict

CONNECT, MAIL, RCPT, DATA, BODY = Stage


@pytest.mark.parametrize(
    ("stage", "code", "words", "verdict"),
    [
        (BODY, 250, "2.0.0 queued", Verdict.SENT),
        (CONNECT, 0, "no such host", Verdict.FREE),
        (CONNECT, 535, "5.7.8 wrong password", Verdict.FREE),
        (CONNECT, 554, "5.7.1 no service here", Verdict.FREE),
        *[(stage, 421, "4.3.2 going down", Verdict.FREE) for stage in Stage],
        *[(stage, 0, "it was closed", Verdict.FREE) for stage in (MAIL, RCPT, DATA)],
        (BODY, 0, "it was closed", Verdict.UNKNOWN),
        (RCPT, 451, "4.7.1 greylisted", Verdict.LATER),
        (RCPT, 450, "4.1.1 unknown for now", Verdict.LATER),
        (MAIL, 451, "4.3.0 not now", Verdict.SLOWER),
        (BODY, 452, "4.3.1 no room", Verdict.SLOWER),
        *[(RCPT, 550, f"{status} nobody", Verdict.DEAD) for status in sorted(HARD)],
        (BODY, 550, "5.1.1 nobody after all", Verdict.DEAD),
        *[(RCPT, 552, f"{status} full", Verdict.FULL) for status in sorted(FULL) if status[0] == "5"],
        (RCPT, 452, "4.2.2 full for now", Verdict.FULL),
        (RCPT, 552, "full", Verdict.FULL),
        (BODY, 552, "too large", Verdict.REFUSED),
        *[(stage, 550, "5.7.1 spam", Verdict.POLICY) for stage in (MAIL, RCPT, DATA, BODY)],
        (RCPT, 550, "5.7.515 not authenticated", Verdict.POLICY),
        (BODY, 554, "looks like spam", Verdict.POLICY),
        (MAIL, 530, "log in first", Verdict.POLICY),
        (MAIL, 535, "log in again", Verdict.POLICY),
        (RCPT, 550, "no such user, we think", Verdict.REFUSED),
        (RCPT, 554, "no", Verdict.REFUSED),
        (BODY, 554, "5.6.0 malformed", Verdict.REFUSED),
        (RCPT, 550, "<ada@5.1.1.example>: no", Verdict.REFUSED),
        (RCPT, 550, "see 5.1.1 of our rules", Verdict.REFUSED),
    ],
)
def test_a_reply_means_what_the_table_says(stage: Stage, code: int, words: str, verdict: Verdict) -> None:
    assert Reply(stage, code, words).verdict is verdict


@given(st.sampled_from(list(Stage)), st.integers(0, 999), st.text(max_size=40))
def test_any_reply_has_a_verdict_and_only_a_hard_status_kills_an_address(stage: Stage, code: int, words: str) -> None:
    reply = Reply(stage, code, words)
    assert (reply.verdict is Verdict.DEAD) <= (reply.status in HARD)
    assert (reply.verdict is Verdict.UNKNOWN) <= (stage is Stage.BODY and code == 0)


def test_the_words_are_told_with_their_code_if_there_is_one() -> None:
    assert Reply(RCPT, 550, "5.1.1 nobody").text == "550 5.1.1 nobody"
    assert Reply(RCPT, 0, "it was closed").text == "it was closed"
    assert Reply(RCPT, 550, "5.1.1").status == "5.1.1"
