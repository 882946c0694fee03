"""A real name server on a free UDP port of 127.0.0.1 that answers from a dict."""

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

SERVFAIL, SILENCE = "SERVFAIL", "SILENCE"
Zone = Mapping[tuple[str, str], list[str]]  # (name, kind) to records as a zone file writes them
LONGEST_CHAIN = 5


class DnsServer:
    """Use it as a context: `address` is where it listens, `asked` what it was asked.

    The zone may change while it runs. The records [SERVFAIL] are answered with that code, [SILENCE] with nothing.
    """

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.asked: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._socket.getsockname()
        return str(host), int(port)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                wire, peer = self._socket.recvfrom(4096)
                answer = self._answer(dns.message.from_wire(wire))
                if answer:
                    self._socket.sendto(answer.to_wire(), peer)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked.append((name, kind))
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        for _ in range(LONGEST_CHAIN):
            records = self.zone.get((name, kind), [])
            if records == [SILENCE]:
                return None
            if records == [SERVFAIL]:
                response.set_rcode(dns.rcode.SERVFAIL)
                return response
            if records:
                response.answer.append(dns.rrset.from_text_list(f"{name}.", 60, "IN", kind, records))
                return response
            alias = self.zone.get((name, "CNAME"), [])
            if not alias:
                break
            response.answer.append(dns.rrset.from_text_list(f"{name}.", 60, "IN", "CNAME", alias))
            name = alias[0].rstrip(".").lower()
        if not any(there == name for there, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response
