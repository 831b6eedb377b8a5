"""The client that loads each server in the same way: many connections, each sending its next scan once answered.

aiohttp on uvloop, in a process of its own, so that it is no bottleneck: `client_share` says so of each run. As in our
own client, each scan's file is read and its body made when its turn has come. The clock runs from the first file read
until the last answer has come (by then its files are written), all rows are committed to SQLite, and the files that
they name are on the disk, which is asked for once, at the end: the same work could not be had for less.

`python -m benchmarks.rivals.client RIVAL URL ROWS CONNECTIONS` reads paths from its input, one a line, warms the server
up, sends them all once and writes JSON: `seconds`, `disk_s`, what of them the disk took in the end, and `client_share`,
the part of them that the client kept a core busy. Rows go to the new SQLite file ROWS. Runs in the rival's environment.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from benchmarks.rivals.results import Row, row_of, write_rows
from shared.durability import make_durable

_WARM_UP = 128  # enough for every worker's traces, and for BentoML's dispatcher to learn its batch sizes
_TIMEOUT_S = 120
_HEADERS = {"Content-Type": "application/json"}
_TOLD_CHARS = 500


@dataclass(frozen=True)
class Wire:
    """How one server is asked, and where its reply holds the answer."""

    path: str
    question: Callable[[str], Any]
    answer: Callable[[Any], Mapping[str, Any]]


WIRES = {
    "bentoml": Wire("/classify", lambda scan: {"scans": [scan]}, lambda reply: reply[0]),
    "litserve": Wire("/predict", lambda scan: {"scan": scan}, lambda reply: reply),
    "mlserver": Wire(
        "/v2/models/scans/infer",
        lambda scan: {"inputs": [{"name": "scans", "datatype": "BYTES", "shape": [1, 1], "data": [scan]}]},
        lambda reply: json.loads(reply["outputs"][0]["data"][0]),
    ),
}


def body_of(path: Path, wire: Wire) -> bytes:
    """A file as the server expects it."""
    return json.dumps(wire.question(base64.b64encode(path.read_bytes()).decode())).encode()


class ServerRefused(Exception):
    """A server answered a scan with an error; no rival may leave one out."""


async def send_all(
    session: aiohttp.ClientSession, url: str, wire: Wire, scans: Sequence[Path], connections: int
) -> list[Row]:
    """Every scan over so many connections; rows in the order of the answers. Raises ServerRefused in a group."""
    rows: list[Row] = []
    waiting = iter(scans)

    async def send_in_turn() -> None:
        for scan in waiting:
            async with session.post(url + wire.path, data=body_of(scan, wire), headers=_HEADERS) as response:
                reply = await response.read()
                if response.status != 200:
                    raise ServerRefused(f"{scan.name}: {response.status} {reply[:_TOLD_CHARS]!r}")
            rows.append(row_of(scan.name, wire.answer(json.loads(reply))))

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(send_in_turn())
    return rows


async def measure(rival: str, url: str, scans: Sequence[Path], rows: Path, *, connections: int) -> dict[str, float]:
    """Warm up, then time one run."""
    wire = WIRES[rival]
    connector = aiohttp.TCPConnector(limit=connections)
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        await send_all(session, url, wire, (list(scans) * _WARM_UP)[:_WARM_UP], connections)
        started, busy = time.perf_counter(), time.process_time()
        answered = await send_all(session, url, wire, scans, connections)
        write_rows(rows, answered)
        written = time.perf_counter()
        make_durable([Path(path) for row in answered for path in (row.overlay, row.map)])
        ended = time.perf_counter()
        share = (time.process_time() - busy) / (ended - started)
        return {"seconds": ended - started, "disk_s": ended - written, "client_share": share}


def main() -> None:
    """As the module's docstring says."""
    rival, url, rows, connections = sys.argv[1:]
    scans = [Path(line) for line in sys.stdin.read().splitlines()]
    told = uvloop.run(measure(rival, url, scans, Path(rows), connections=int(connections)))
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
