"""Kills processes of `neurobatch up` at random, from outside, while it works off thousands of scans."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import click
import httpx
from PIL import Image
from sqlalchemy import func, select

from chaos.invariants import judge
from chaos.postgres import Postgres
from neurobatch.client import Client
from neurobatch.phantoms import draw_head
from neurobatch.retrying import Patience
from neurobatch.service import ROOT, with_port
from shared.clock import utc_now
from shared.db import queries
from shared.db.models import Scan
from shared.db.session import make_engine, reading
from shared.settings import Settings
from worker.reconciler import Reconciler

_PARTS = ("worker", "worker child", "worker grandchild", "relay", "broker", "api", "api child")
_SIDE_PX = 128
_PICTURES = 100
_BATCHES = 5
_ENDED_WITHIN_S = 120.0


@click.command()
@click.option("--kills", default=50, show_default=True)
@click.option("--scans", default=5_000, show_default=True)
@click.option("--every-s", default=3.0, show_default=True, help="Mean pause between two kills.")
@click.option("--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option("--seed", default=1, show_default=True)
def storm(kills: int, scans: int, every_s: float, database: str, seed: int) -> None:
    """SIGKILL whatever comes, by seed; status 1 if a scan was lost, doubled, orphaned or late."""
    with tempfile.TemporaryDirectory(prefix="nb-", dir="/tmp", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        ok = _storm(folder, kills=kills, scans=scans, every_s=every_s, database=database, seed=seed)
        if not ok:
            kept = Path(tempfile.mkdtemp(prefix="nb-storm-"))
            shutil.copytree(folder / "data", kept / "data", symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
            click.echo(f"kept for a look: {kept}")
    sys.exit(0 if ok else 1)


def _storm(folder: Path, *, kills: int, scans: int, every_s: float, database: str, seed: int) -> bool:
    postgres = None
    if database == "postgresql":
        postgres = Postgres(folder / "postgres")
        postgres.start()
        postgres.create_database("storm")
    url = postgres.url("storm") if postgres else ""
    settings = with_port(Settings(data_dir=folder / "data", port=0, database_url=url))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NEUROBATCH_")} | {
        "NEUROBATCH_DATA_DIR": str(settings.data_dir),
        "NEUROBATCH_DATABASE_URL": url,
        "NEUROBATCH_PORT": str(settings.port),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", "from neurobatch.cli import main; main()", "up"]
    with open(folder / "up.log", "wb") as log:
        service = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
    try:
        return _harm(service, settings, folder, kills=kills, scans=scans, every_s=every_s, seed=seed)
    finally:
        service.send_signal(signal.SIGINT)
        service.wait()
        if postgres is not None:
            postgres.stop(signal.SIGQUIT)


def _harm(
    service: subprocess.Popen[bytes],
    settings: Settings,
    folder: Path,
    *,
    kills: int,
    scans: int,
    every_s: float,
    seed: int,
) -> bool:
    url = f"http://{settings.host}:{settings.port}"
    _wait_until_ready(url)
    expected: dict[UUID, int] = {}
    sender = threading.Thread(target=_submit, args=(url, folder, scans, expected))
    sender.start()
    dice = random.Random(seed)  # noqa: S311
    killed: dict[str, int] = {}
    began = utc_now()
    for number in range(kills):
        time.sleep(dice.uniform(0.5, 1.5) * every_s)
        part = _kill_one(service.pid, dice)
        killed[part] = killed.get(part, 0) + 1
        click.echo(f"kill {number + 1}: {part}")
    last_kill, stopped = time.monotonic(), utc_now()
    sender.join()
    engine = make_engine(settings.sql_url)
    while True:
        with reading(engine) as session:
            found = queries.progress(session, list(expected))
        unfinished, waited_s = sum(p.unfinished for p in found.values()), time.monotonic() - last_kill
        if not unfinished or waited_s > 10 * _ENDED_WITHIN_S:
            break
        if int(waited_s) % 10 == 0:
            click.echo(f"{unfinished} unfinished after {waited_s:.0f} s")
        time.sleep(1)
    reconciler = Reconciler(settings, engine)
    reconciler.sweep()
    reconciler.close()
    verdict = judge(engine, settings.data_dir, expected=expected)
    with reading(engine) as session:
        worst = session.execute(select(func.max(Scan.fence), func.max(Scan.lone_deaths), func.max(Scan.ended_at))).one()
    engine.dispose()
    click.echo(
        f"killed {killed}; {sum(expected.values())} scans; {verdict}; "
        f"all ended {waited_s:.0f} s after the last kill, the last one at {worst[2]:%H:%M:%S} (killed from "
        f"{began:%H:%M:%S} to {stopped:%H:%M:%S}); at most {worst[0]} attempts and {worst[1]} deaths alone"
    )
    if (sent := sum(expected.values())) < scans // _BATCHES * _BATCHES:
        click.echo(f"only {sent} scans were accepted: the rest could not be sent")
        return False
    return not (unfinished or waited_s > _ENDED_WITHIN_S or verdict.lost or verdict.duplicated or verdict.orphaned)


def _kill_one(service: int, dice: random.Random) -> str:
    """Kill a process of a part that has one now; the part."""
    while True:
        part = dice.choice(_PARTS)
        if victims := processes_of(service).get(part):
            with suppress(ProcessLookupError):
                os.kill(dice.choice(victims), signal.SIGKILL)
                return part
        time.sleep(0.01)


def _submit(url: str, folder: Path, scans: int, expected: dict[UUID, int]) -> None:
    pictures = folder / "pictures"
    pictures.mkdir()
    count = scans // _BATCHES
    files = [pictures / f"{number:05}.png" for number in range(count)]
    for number, path in enumerate(files):
        if number < _PICTURES:
            Image.fromarray(draw_head(number, side_px=_SIDE_PX)).save(path)
        else:  # the same pictures under other names, as a file that is given twice counts once
            path.hardlink_to(files[number % _PICTURES])
    with Client(url, patience=Patience(retries=200, pause_s=0.1)) as client:
        for number in range(_BATCHES):
            accepted = client.submit(files, idempotency_key=f"storm-{number}")
            expected[UUID(accepted["id"])] = count


def processes_of(parent: int) -> dict[str, list[int]]:
    """The service's processes by part, told by whose children they are."""
    found: dict[str, list[int]] = {}
    for child in _children(parent):
        line = _command_line(child)
        part = next(
            (name for name, text in _MARKS.items() if text in line),
            None,
        )
        if part is not None:
            found.setdefault(part, []).append(child)
            own = [process for process in _children(child) if "tracker" not in _command_line(process)]
            found.setdefault(f"{part} child", []).extend(own)
            found.setdefault(f"{part} grandchild", []).extend(process for each in own for process in _children(each))
    return found


_MARKS = {"worker": "worker.app", "relay": "relay", "broker": "valkey-server", "api": "gunicorn"}


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(") ")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _command_line(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + _ENDED_WITHIN_S
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/readyz").json().get("workers"):
                return
        time.sleep(0.5)
    raise TimeoutError("the service does not start")
