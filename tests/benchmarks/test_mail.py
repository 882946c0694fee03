"""CPU-ms per mail of ten papers, stage by stage, and the usual stack beside it in the same run.

The usual stack inlines the style sheet into every mail (css-inline), assembles with EmailMessage, signs with dkimpy and
sends with aiosmtplib. Ours writes the styles once, joins the bytes, signs by OpenSSL and pipelines. Run it with
`make bench`; `DIGEST_BENCH_MAILS` says how many (400).
"""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from statistics import median
from typing import Any

import aiosmtplib
import css_inline
import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from factories import make_edition, make_paper, make_profile, make_subscriber
from sqlmodel import select

from digest import log
from digest.composing import editions, sheets
from digest.composing.messages import Message, Sender
from digest.composing.mime import assemble
from digest.composing.signing import SigningKey, load_key
from digest.db import Database
from digest.mail import delivery, outbox
from digest.mail.smtp import Relay, SmtpTransport
from digest.tables import EditionItem, OutboxMessage

pytestmark = pytest.mark.benchmark

MAILS = int(os.environ.get("DIGEST_BENCH_MAILS", "400"))
ROUNDS, PAPERS, ON_A_PAGE = 3, 60, 10
NOW = datetime(2026, 5, 6, 9, tzinfo=UTC)
SENDER = Sender("Paper Digest <digest@papers.example>", "https://papers.example", "0123456789abcdef" * 2, "1 Main St")
SENTENCE = "We study how {0} behaves when {1} is small, and find that the usual bound of {1} is far too pessimistic. "
TREND = {"votes": 63, "hours": 21.3, "times": 4.1}


@dataclass(frozen=True)
class Bench:
    """An outbox of promised and unwritten mails, a relay that takes everything, and a key to sign with."""

    database: Database
    port: int
    key: SigningKey
    pem: bytes


@pytest.fixture
def bench(database: Database, tmp_path: Path) -> Iterator[Bench]:
    log.configure("WARNING", "console")
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    (tmp_path / "dkim.pem").write_bytes(pem)
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent.parent / "sinks.py"), str(tmp_path)], stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    key = load_key(f"one:{tmp_path / 'dkim.pem'}", "papers.example")
    yield Bench(database, int(server.stdout.readline()), key, pem)
    server.kill()
    server.wait()
    server.stdout.close()


def promise(database: Database) -> list[int]:
    """Editions of ten out of sixty papers, with long abstracts and reasons, for as many readers as mails."""
    with database.session() as session:
        papers = [make_paper(session, NOW, title=_title(n), abstract=_abstract(n)) for n in range(PAPERS)]
        ids = []
        for number in range(MAILS):
            who = make_subscriber(session, NOW)
            profile, edition = make_profile(session, who), make_edition(session, who, NOW, considered=412)
            for rank in range(1, ON_A_PAGE + 1):
                paper = papers[(number * 7 + rank * 5) % PAPERS]
                highlight = SENTENCE.format(f"system {(number + rank) % 5}", "the learning rate").strip()
                row: dict[str, Any] = {"edition_id": edition.id, "paper_id": paper.id, "profile_id": profile.id}
                score = {"rank": rank, "score": 2.0, "relevance": 2.0, "highlight": highlight}
                session.add(EditionItem(**row, **score, reason=_reason(number, rank)))
            ids.append(who.id)
        outbox.promise(session, SENDER, ids, NOW)
        return list(session.exec(select(OutboxMessage.id).order_by(OutboxMessage.id)))


def _title(number: int) -> str:
    return f"Selective Recurrence and Its Discontents: Part {number} of a Study of Linear Attention at Scale"


def _abstract(number: int) -> str:
    return "".join(SENTENCE.format(f"system {part}", "the learning rate") for part in range(number % 3, 12)).strip()


def _reason(number: int, rank: int) -> dict[str, Any]:
    given = {"kind": "match", "profile": "mamba", "closer_than": 1 - (number % 97 + rank) / 5000, "crowd": 8412}
    words = {"words": ["linear attention", "recurrence"], "keywords": [], "authors": []}
    return given | words | {"like": _title(rank), "trend": TREND if rank % 5 == 2 else None}


def clock(work: Callable[[], object]) -> float:
    """CPU-ms per mail of this process."""
    start = time.process_time()
    work()
    return (time.process_time() - start) / MAILS * 1000


def ours(bench: Bench, keys: list[SigningKey]) -> dict[str, float]:
    ids = promise(bench.database)
    contents: dict[int, bytes] = {}
    with bench.database.session(write=False) as session:
        loaded = list(sheets.load_sheets(session, ids))
    messages: dict[int, Message] = {}

    def render() -> None:
        for row, one in loaded:
            messages[row.id] = editions.compose(SENDER, one, row.message_id)

    spent = {"render": clock(render)}
    name = "assemble and sign" if keys else "assemble"
    spent[name] = clock(lambda: contents.update({n: assemble(SENDER, m, keys) for n, m in messages.items()}))

    def write() -> None:
        with bench.database.session() as session:
            for row in session.exec(select(OutboxMessage)):
                outbox.fill(SENDER, row, contents[row.id])

    spent["write down"] = clock(write)
    courier = delivery.Courier(bench.database, SmtpTransport(Relay("127.0.0.1", bench.port)), "bench")
    spent["claim, send, mark"] = clock(lambda: delivery.deliver(courier, NOW, ids))
    spent["size in KB"] = median(map(len, contents.values())) / 1000
    return spent


def usual(bench: Bench, *, signed: bool) -> dict[str, float]:
    """The same mails by what projects of this kind use."""
    ids = promise(bench.database)
    with bench.database.session(write=False) as session:
        loaded = list(sheets.load_sheets(session, ids))
    sheet = (Path(__file__).parents[2] / "templates/mail/layout/style.css").read_text()
    messages: list[Message] = []

    def render() -> None:
        for row, one in loaded:
            mail = editions.compose(SENDER, one, row.message_id)
            bare = re.sub(r' style="[^"]*"', "", mail.html)
            messages.append(replace(mail, html=css_inline.CSSInliner(extra_css=sheet).inline(bare)))

    spent = {"render": clock(render)}
    contents: list[bytes] = []
    spent["assemble"] = clock(lambda: contents.extend(library_bytes(mail) for mail in messages))
    if signed:
        include = [b"from", b"to", b"subject", b"date", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post"]
        made: list[bytes] = []
        spent["sign"] = clock(
            lambda: made.extend(
                dkim.sign(content, b"one", b"papers.example", bench.pem, include_headers=include) + content
                for content in contents
            )
        )
        contents = made
    spent["send and mark"] = clock(lambda: asyncio.run(send_by_library(bench, ids, messages, contents)))
    spent["size in KB"] = median(map(len, contents)) / 1000
    return spent


def library_bytes(mail: Message) -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = str(SENDER.address), str(mail.recipient), mail.subject
    made["Date"], made["Message-ID"] = mail.date, mail.message_id
    for name, value in mail.headers.items():
        made[name] = value
    made.set_content(mail.text, cte="quoted-printable")
    made.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    return made.as_bytes()


async def send_by_library(bench: Bench, ids: list[int], messages: list[Message], contents: list[bytes]) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=bench.port) as client:
        for number, mail, content in zip(ids, messages, contents, strict=True):
            await client.sendmail("digest@papers.example", [mail.recipient.addr_spec], content)
            with bench.database.session() as session:
                session.get_one(OutboxMessage, number).state = "sent"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("signed", [False, True], ids=["without DKIM", "with rsa-2048"])
def test_cpu_per_mail(bench: Bench, signed: bool) -> None:
    keys = [bench.key] if signed else []
    rounds: dict[str, list[dict[str, float]]] = {"ours": [], "usual": []}
    for _ in range(ROUNDS):
        for name, run in (("ours", lambda: ours(bench, keys)), ("usual", lambda: usual(bench, signed=signed))):
            with bench.database.session() as session:
                for row in session.exec(select(OutboxMessage)):
                    session.delete(row)
            rounds[name].append(run())
    totals = {}
    for name, measured in rounds.items():
        stages = {stage: median(spent[stage] for spent in measured) for stage in measured[0]}
        size = stages.pop("size in KB")
        totals[name] = median(sum(v for k, v in spent.items() if k != "size in KB") for spent in measured)
        told = ", ".join(f"{stage} {spent:.2f}" for stage, spent in stages.items())
        print(f"\n{name}: {totals[name]:.2f} CPU-ms a mail of {size:.0f} KB ({told})")
    print(f"the usual stack takes {totals['usual'] / totals['ours']:.1f} times as much")
