"""The table of docs/mail.md, reply by reply."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.mail.replies import FULL, HARD, Reply, Stage, Verdict

CONNECT, MAIL, RCPT, DATA, BODY = Stage
AFTER_CONNECT = (MAIL, RCPT, DATA, BODY)
NO_MAILBOX = ("5.1.1", "5.1.2", "5.1.3", "5.1.10", "5.2.1")
STATUSES = st.sampled_from([*sorted(HARD | FULL), "5.7.1", "5.6.0", "4.1.1", "5.1.1.1", "4.7.1"])
WORDS = st.one_of(
    st.text(max_size=40),
    st.builds(" ".join, st.tuples(st.sampled_from(["", "see", "\n"]), STATUSES, st.text(max_size=9))),
)


@pytest.mark.parametrize(
    ("stage", "code", "words", "verdict"),
    [
        (BODY, 250, "2.0.0 queued", Verdict.SENT),
        (DATA, 354, "go on", Verdict.SENT),
        (CONNECT, 0, "no such host", Verdict.FREE),
        (CONNECT, 0, "certificate verify failed", Verdict.FREE),
        (CONNECT, 454, "4.7.0 TLS not available", Verdict.FREE),
        (CONNECT, 530, "5.7.0 STARTTLS first", Verdict.FREE),
        (CONNECT, 535, "5.7.8 wrong password", Verdict.FREE),
        (CONNECT, 554, "5.7.1 no service here", Verdict.FREE),
        *[(stage, 421, "4.3.2 going down", Verdict.FREE) for stage in Stage],
        *[(stage, 421, "4.2.2 full", Verdict.FREE) for stage in Stage],
        *[(stage, 0, "it was closed", Verdict.FREE) for stage in (MAIL, RCPT, DATA)],
        (BODY, 0, "it was closed", Verdict.UNKNOWN),
        (RCPT, 451, "4.7.1 greylisted", Verdict.LATER),
        (RCPT, 450, "4.1.1 unknown for now", Verdict.LATER),
        (RCPT, 450, "5.1.1 said with the wrong code", Verdict.LATER),
        *[(stage, 451, "4.3.0 not now", Verdict.SLOWER) for stage in (MAIL, DATA, BODY)],
        (BODY, 452, "4.3.1 no room", Verdict.SLOWER),
        (BODY, 450, "", Verdict.SLOWER),
        *[(stage, 550, f"{status} nobody", Verdict.DEAD) for stage in AFTER_CONNECT for status in NO_MAILBOX],
        (RCPT, 552, "5.2.2 full", Verdict.FULL),
        (RCPT, 550, "5.2.2 full", Verdict.FULL),
        (RCPT, 452, "4.2.2 full for now", Verdict.FULL),
        (BODY, 452, "4.2.2 full for now", Verdict.FULL),
        (BODY, 552, "5.2.2 full after all", Verdict.FULL),
        (RCPT, 552, "full", Verdict.FULL),
        (RCPT, 552, "5.3.4 too large", Verdict.REFUSED),
        (BODY, 552, "too large", Verdict.REFUSED),
        *[(stage, 550, "5.7.1 spam", Verdict.POLICY) for stage in AFTER_CONNECT],
        *[(stage, code, "log in", Verdict.POLICY) for stage in AFTER_CONNECT for code in (530, 535)],
        (RCPT, 550, "5.7.515 not authenticated", Verdict.POLICY),
        (BODY, 554, "looks like spam", Verdict.POLICY),
        (BODY, 554, "5.0.0 looks like spam", Verdict.POLICY),
        (RCPT, 550, "no such user, we think", Verdict.REFUSED),
        (RCPT, 554, "no", Verdict.REFUSED),
        (BODY, 554, "5.6.0 malformed", Verdict.REFUSED),
        (BODY, 550, "5.6.0 malformed", Verdict.REFUSED),
        (RCPT, 550, "5.1.11 a status of which we do not know what it means", Verdict.REFUSED),
        (RCPT, 550, "<ada@5.1.1.example>: no", Verdict.REFUSED),
        (RCPT, 550, "see 5.1.1 of our rules", Verdict.REFUSED),
    ],
)
def test_a_reply_means_what_the_table_says(stage: Stage, code: int, words: str, verdict: Verdict) -> None:
    assert Reply(stage, code, words).verdict is verdict


@given(st.sampled_from(list(Stage)), st.one_of(st.integers(0, 999), st.sampled_from([421, 450, 550, 552, 554])), WORDS)
def test_any_reply_has_a_verdict_and_only_a_hard_status_kills_an_address(stage: Stage, code: int, words: str) -> None:
    reply = Reply(stage, code, words)
    assert (reply.verdict is Verdict.DEAD) <= (words.split()[:1] == [reply.status] and reply.status in HARD)
    assert (reply.verdict is Verdict.SENT) <= (200 <= code < 400)
    assert (reply.verdict is Verdict.UNKNOWN) == (stage is Stage.BODY and code == 0)


def test_the_words_are_told_with_their_code_if_there_is_one() -> None:
    assert Reply(RCPT, 550, "5.1.1 nobody").text == "550 5.1.1 nobody"
    assert Reply(RCPT, 0, "it was closed").text == "it was closed"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("5.1.1", "5.1.1"),
        ("5.7.515 Access denied", "5.7.515"),
        ("5.1.1 nobody\n5.7.1 and never will be", "5.1.1"),
        ("nobody 5.1.1", ""),
        ("<ada@5.1.1.example>: no", ""),
        ("5.1.1.1 is a host", ""),
        ("3.1.1 is no class", ""),
        ("", ""),
    ],
)
def test_a_status_is_what_the_words_begin_with(words: str, status: str) -> None:
    assert Reply(RCPT, 550, words).status == status
