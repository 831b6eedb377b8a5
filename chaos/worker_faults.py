"""Wraps the steps of a worker's child process, so that it dies, hangs or stumbles exactly there."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

import chaos.worker_app  # noqa: F401  (clock and network, before anything is used)
from chaos.poison import POISON
from chaos.tokens import die_at, flag, take
from chaos.wrapping import deadly, wrap
from shared.artifacts import LocalArtifactStore
from shared.db import queries
from worker import patience, processing
from worker.inference.pipeline import Pipeline
from worker.inference.types import Source

_Function = Callable[..., Any]


def dies_before_the_commit(write_rows: _Function) -> _Function:
    """Die with everything written and nothing committed."""

    def record(session: Session, outcomes: Sequence[queries.Outcome], **kwargs: Any) -> Any:
        held = write_rows(session, outcomes, **kwargs)
        if outcomes:
            die_at("worker.at_commit")
        return held

    return record


def loses_the_answer(transaction: _Function) -> _Function:
    """Break the connection when the commit has happened."""

    @contextmanager
    def ambiguous(engine: Engine, **options: bool) -> Iterator[Session]:
        with transaction(engine, **options) as session:
            yield session
        if take("worker.commit_answer_lost"):
            raise OperationalError("COMMIT", None, ConnectionResetError("the answer was lost"))

    return ambiguous


def crashes_on_poison(read: _Function) -> _Function:
    """Crash on certain files, as the decoder's own process would not."""

    def wrapped(self: Pipeline, sources: Sequence[Source]) -> Any:
        for source in sources:
            data = source.data.read_bytes() if isinstance(source.data, Path) else source.data
            if POISON.encode() in data:
                os.kill(os.getpid(), signal.SIGSEGV)
        return read(self, sources)

    return wrapped


def dawdles(predict: _Function) -> _Function:
    """Die, be slow or hang while the network works."""

    def wrapped(*args: Any) -> Any:
        die_at("worker.predicting")
        if (seconds := flag("slow")) is not None:
            time.sleep(float(seconds))
        if take("worker.hanging"):
            while True:
                with suppress(SoftTimeLimitExceeded):
                    time.sleep(60)
        return predict(*args)

    return wrapped


def fills_up(write: _Function) -> _Function:
    """Meet a full disk; for machines where none can be mounted."""

    def wrapped(*args: Any) -> None:
        if flag("full") is not None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(*args)

    return wrapped


wrap(processing, "_claim", deadly(before="worker.before_claim"))
wrap(processing, "heartbeat", deadly(before="worker.after_claim"))
wrap(processing, "_record", deadly(before="worker.after_artifacts", after="worker.after_commit"))
wrap(queries, "record", dies_before_the_commit)
wrap(patience, "transaction", loses_the_answer)
wrap(Pipeline, "read", crashes_on_poison)
wrap(Pipeline, "predict", dawdles)
wrap(LocalArtifactStore, "write", fills_up)
