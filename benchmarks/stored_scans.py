"""Fills a PostgreSQL database with scans as a service leaves them after a long time of use.

Made on the server from numbers, so that a million scans with results, attempts and events take a minute or two: 60% are in
batches of 10,000, 35% of 1,000, 5% of 100; three projects; labels, confidences and rejections as often as in use; names
that repeat. One batch of 10,000 and one of 1,000 are running, and their rows went through the updates that a worker makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import psycopg

PROJECTS = {"local": 0.7, "trial": 0.25, "ward": 0.05}
SIZES = {10_000: 0.6, 1_000: 0.35, 100: 0.05}
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_LASTED = timedelta(days=300)
_CHUNK = 32
_SCANS_MADE_PER_MS = 250
_COUNTER_BITS = 12  # of a UUIDv7, behind its milliseconds
# Secondary indexes are made anew at the end, which is what makes the fill quick.
_TABLES = ("scans", "predictions", "attempts", "events", "corrections", "batches", "studies")


@dataclass(frozen=True)
class StoredBatch:
    """One batch of the fill."""

    id: UUID
    project: str
    name: str
    scans: int
    created_at: datetime
    running: bool = False
    volumes: bool = False


def plan_batches(scans: int) -> list[StoredBatch]:
    """Batches of all sizes in a mixed order, the last two of `local` running; at least 100,000 scans."""
    random = Random(1)
    sizes = [size for size, share in SIZES.items() for _ in range(round(scans * share / size))]
    random.shuffle(sizes)
    projects = random.choices(list(PROJECTS), list(PROJECTS.values()), k=len(sizes))
    running = set()
    for size in (10_000, 1_000):
        number = max(n for n, found in enumerate(sizes) if found == size)
        projects[number] = "local"
        running.add(number)
    return [
        StoredBatch(
            id=_id_at(_BEGAN + _LASTED * number / len(sizes), number),
            project=projects[number],
            name=f"ward {number % 7}, week {number // 20}",
            scans=size,
            created_at=_BEGAN + _LASTED * number / len(sizes) + timedelta(seconds=2),
            running=number in running,
            volumes=size == 1_000 and number % 5 == 0,
        )
        for number, size in enumerate(sizes)
    ]


def fill(connection: psycopg.Connection[object], batches: Sequence[StoredBatch]) -> Iterator[str]:
    """Store the batches with all that belongs to them; tells each step as it begins. The connection commits by itself."""
    # Rows that are right by construction need no look at each foreign key.
    connection.execute("SET session_replication_role = replica")
    connection.execute("SET maintenance_work_mem = '512MB'")
    connection.execute("SELECT setseed(0.5)")
    definitions = [
        (str(name), str(definition))
        for name, definition in connection.execute(_SECONDARY_INDEXES, [list(_TABLES)]).fetchall()  # type: ignore[misc]
    ]
    for name, _ in definitions:
        connection.execute(f'DROP INDEX "{name}"'.encode())
    yield "batches"
    with connection.cursor().copy(_COPY_BATCHES) as copy:
        for b in batches:
            copy.write_row((b.id, b.project, b.name, b.scans * 40_000, "{}", b.created_at))
    connection.execute(_PLAN)
    with connection.cursor().copy(_COPY_PLAN) as copy:
        for b in batches:
            copy.write_row((b.id, b.project, b.scans, b.created_at, b.running, b.volumes))
    for step, statement in _STEPS.items():
        yield step
        connection.execute(statement.encode())
    for name, definition in definitions:
        yield f"index {name}"
        connection.execute(definition.encode())
    yield "vacuum"
    connection.execute("SET session_replication_role = origin")
    connection.execute("DROP TABLE drawn, plan")
    connection.execute("VACUUM ANALYZE")
    for batch in batches:
        if batch.running:
            yield f"run a batch of {batch.scans:,}"
            _run_half(connection, batch)


def _run_half(connection: psycopg.Connection[object], batch: StoredBatch) -> None:
    """Take a queued batch through the updates that dispatcher and workers make, up to its middle."""
    connection.execute("UPDATE scans SET dispatched_at = created_at WHERE batch_id = %s", [batch.id])
    found = connection.execute("SELECT id FROM scans WHERE batch_id = %s ORDER BY id", [batch.id]).fetchall()
    ids = [row[0] for row in found]  # type: ignore[index]
    half = ids[: len(ids) // 2]
    last = 0
    for start in range(0, len(half), _CHUNK):
        chunk = half[start : start + _CHUNK]
        at = batch.created_at + timedelta(milliseconds=5 * start)
        values = {"ids": chunk, "at": at, "batch": batch.id, "last": last, "project": batch.project}
        connection.execute(_CLAIM, values)
        connection.execute(_CLAIMED, values)
        if start + 2 * _CHUNK < len(half):  # the last two chunks are still being worked on
            for statement in (_END, _END_ATTEMPTS, _RESULTS, _ENDED):
                connection.execute(statement, values)
            last += len(chunk)


def _id_at(at: datetime, number: int) -> UUID:
    """A UUIDv7 of a time."""
    milliseconds = round(at.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | number)


_SECONDARY_INDEXES = """
SELECT i.relname, pg_get_indexdef(x.indexrelid) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid WHERE NOT x.indisprimary AND t.relname = ANY(%s) ORDER BY 1
"""
_COPY_BATCHES = "COPY batches (id, project, name, size_bytes, metadata, created_at) FROM STDIN"
_PLAN = """
CREATE UNLOGGED TABLE plan (batch_id uuid, project text, scans int, created_at timestamptz, running bool, volumes bool)
"""
_COPY_PLAN = "COPY plan FROM STDIN"
_IDS = f"""(
lpad(to_hex((extract(epoch FROM p.created_at) * 1000)::bigint + n / {_SCANS_MADE_PER_MS} + 1), 12, '0')
|| '7' || lpad(to_hex(n % {_SCANS_MADE_PER_MS} + 1), 3, '0') || '8' || substr(md5(p.batch_id::text || n), 1, 15))::uuid"""
_RESULT_COLUMNS = """
scan_id, model, label, probabilities, confidence, needs_review, review_reasons, heatmap_path, grid_path,
overlay_path, focus_x, focus_y, frame_x, frame_y, frame_side, width, height, timings, created_at"""
_RESULT = """
CASE WHEN batch_id::text < '019d' THEN 'cnn-pyramid-0' ELSE 'cnn-pyramid-1' END, label,
json_build_object('glioma', round(confidence::numeric, 4), 'meningioma', round(((1 - confidence) * 0.6)::numeric, 4),
  'pituitary', round(((1 - confidence) * 0.3)::numeric, 4), 'notumor', round(((1 - confidence) * 0.1)::numeric, 4)),
confidence, confidence < 0.545 OR odd, CASE WHEN odd THEN '["unlike_training_data"]'
  WHEN confidence < 0.545 THEN '["low_confidence"]' ELSE '[]' END::json,
'artifacts/' || batch_id || '/' || id || '.1.heatmap.png', 'artifacts/' || batch_id || '/' || id || '.1.grid.npy',
'artifacts/' || batch_id || '/' || id || '.1.overlay.jpg', 131, 88, 0.5, 3.5, 511.0, 512, 512,
'{"decode": 1.42, "preprocess": 2.31, "predict": 4.02, "explain": 0.11, "render": 6.27}'::json"""
_DRAWN_RESULT = """
SELECT d.*, CASE WHEN r_label < 0.33 THEN 'notumor' WHEN r_label < 0.6 THEN 'glioma'
  WHEN r_label < 0.82 THEN 'meningioma' ELSE 'pituitary' END AS label,
1 - 0.65 * power(r_confidence, 4) AS confidence, r_odd < 0.01 AS odd FROM drawn d"""
_STEPS = {
    "studies": """
        INSERT INTO studies (id, batch_id, project, kind, filename, created_at)
        SELECT overlay(batch_id::text placing lpad(to_hex(v + 1), 4, '0') from 33)::uuid, batch_id, project, 'nifti',
          'head-' || v || '.nii.gz', created_at
        FROM plan, generate_series(0, scans / 100 - 1) v WHERE volumes""",
    "draws": f"""
        CREATE UNLOGGED TABLE drawn AS
        SELECT {_IDS} AS id, p.*, n, random() AS r_state, random() AS r_label, random() AS r_confidence,
          random() AS r_odd, random() AS r_correction
        FROM plan p, generate_series(0, p.scans - 1) n""",
    "scans": f"""
        INSERT INTO scans (id, batch_id, project, filename, frame, upload_key, size_bytes, sha256, study_id, slice_index,
          state, code, message, fence, dispatched_at, created_at, started_at, ended_at)
        SELECT id, batch_id, project,
          CASE WHEN volumes THEN 'head-' || n / 100 || '.nii.gz'
            WHEN n % 3 = 0 THEN 'scan (' || (n * 7919) % (scans / 2) || ').jpg'
            ELSE 'patient-' || lpad((n * 104729 % scans / 40)::text, 4, '0') || '/axial-' || lpad((n % 40)::text, 3, '0')
            || '.png' END,
          CASE WHEN volumes THEN n % 100 ELSE 0 END, 'uploads/' || batch_id || '/' || n, 40000,
          CASE WHEN r_odd > 0.98 THEN md5(n::text) || md5(n::text) ELSE md5(id::text) || md5(n::text) END,
          CASE WHEN volumes THEN overlay(batch_id::text placing lpad(to_hex(n / 100 + 1), 4, '0') from 33)::uuid END,
          CASE WHEN volumes THEN n % 100 END, state,
          CASE state WHEN 'rejected' THEN CASE n % 3 WHEN 0 THEN 'not_an_image' WHEN 1 THEN 'truncated_image'
            ELSE 'not_a_brain_mri' END WHEN 'failed' THEN 'timed_out' END,
          CASE WHEN state IN ('rejected', 'failed') THEN 'Why it is not there, in a sentence or two.' END,
          CASE WHEN state = 'queued' THEN 0 ELSE 1 END, CASE WHEN state <> 'queued' THEN created_at END, created_at,
          CASE WHEN state <> 'queued' THEN created_at + n / {_CHUNK} * interval '0.15 s' END,
          CASE WHEN state <> 'queued' THEN created_at + (n / {_CHUNK} + 1) * interval '0.15 s' END
        FROM (SELECT *, CASE WHEN running THEN 'queued' WHEN r_state < 0.002 THEN 'failed' WHEN r_state < 0.032 THEN 'rejected'
          WHEN r_state < 0.035 AND scans = 1000 THEN 'cancelled' ELSE 'succeeded' END AS state FROM drawn) d ORDER BY id""",
    "predictions": f"""
        INSERT INTO predictions ({_RESULT_COLUMNS})
        SELECT id, {_RESULT}, created_at + (n / {_CHUNK} + 1) * interval '0.15 s'
        FROM ({_DRAWN_RESULT} JOIN scans s USING (id) WHERE s.state = 'succeeded') x ORDER BY id""",
    "attempts": """
        INSERT INTO attempts (scan_id, fence, worker, chunk_scans, started_at, ended_at, outcome, reason)
        SELECT id, 1, 'worker-1@reader:4711', 32, started_at, ended_at, state, code FROM scans
        WHERE state <> 'queued' ORDER BY id""",
    "events": """
        INSERT INTO events (batch_id, number, scan_id, state, at)
        SELECT s.batch_id, d.n + 1, s.id, s.state, s.ended_at FROM scans s JOIN drawn d USING (id)
        WHERE s.state <> 'queued' ORDER BY 1, 2""",
    "corrections": """
        INSERT INTO corrections (scan_id, number, label, note, actor, created_at)
        SELECT id, k, CASE WHEN k = 2 AND r_correction < 0.0002 THEN NULL ELSE 'glioma' END,
          CASE WHEN k = 1 THEN 'Seen by a reader.' END, 'local', p.created_at + k * interval '1 day'
        FROM drawn JOIN predictions p ON p.scan_id = id, generate_series(1, 2) k
        WHERE r_correction < 0.005 AND (k = 1 OR r_correction < 0.001)""",
}
_CLAIM = """UPDATE scans SET state = 'running', fence = 1, lease_until = %(at)s + interval '60 s', started_at = %(at)s
WHERE id = ANY(%(ids)s)"""
_CLAIMED = """INSERT INTO attempts (scan_id, fence, worker, chunk_scans, started_at)
SELECT id, 1, 'worker-1@reader:4711', 32, %(at)s FROM unnest(%(ids)s) id"""
_END = """UPDATE scans SET state = 'succeeded', lease_until = NULL, ended_at = %(at)s + interval '0.2 s'
WHERE id = ANY(%(ids)s)"""
_END_ATTEMPTS = """UPDATE attempts SET outcome = 'succeeded', ended_at = %(at)s + interval '0.2 s'
WHERE scan_id = ANY(%(ids)s)"""
_RESULTS = f"""INSERT INTO predictions ({_RESULT_COLUMNS}) SELECT id, {_RESULT}, %(at)s
FROM (SELECT id, batch_id, project, 'glioma' AS label, 0.5 + hashtext(id::text) / 5e9 AS confidence, false AS odd
  FROM scans WHERE id = ANY(%(ids)s)) x""".replace("%(at)s", "%(at)s::timestamptz")
_ENDED = """INSERT INTO events (batch_id, number, scan_id, state, at)
SELECT %(batch)s, %(last)s + row_number() OVER (ORDER BY id), id, 'succeeded', %(at)s FROM unnest(%(ids)s) id"""
