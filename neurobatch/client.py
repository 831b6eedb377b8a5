"""A client of the HTTP API, for Python programs and for the command line."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Unpack, cast
from urllib.parse import quote

import httpx

from neurobatch.documents import (
    Batch,
    BatchScanFilters,
    Delivery,
    Limits,
    NewWebhook,
    Problem,
    Removed,
    Scan,
    SearchFilters,
    Study,
    StudyHead,
    Summary,
    Webhook,
)
from neurobatch.files import check_readable, collect
from neurobatch.heatmap_files import HeatmapKind, heatmap_file_name, id_in_a_name
from neurobatch.key_variable import KEY_VARIABLE
from neurobatch.preflight import broken_limit, is_large
from neurobatch.retrying import Patience
from neurobatch.sending import Sent, form_files
from neurobatch.waiting import Pace
from shared.settings import is_loopback

_FINAL = frozenset({"completed", "completed_with_errors", "failed", "cancelled"})
_PAGE = 200
# Thousands of files are made durable before a submission is answered, and a report takes 20 ms and more for each slice.
_ANSWERED_WITHIN_S = 600.0


class RequestRefused(Exception):
    """The service refused a request; `problem` is its RFC 9457 document."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(problem.get("detail") or f"HTTP {status}")
        self.status = status
        self.problem = problem

    def __reduce__(self) -> tuple[type[RequestRefused], tuple[int, Problem]]:
        """Made again of the same, where it is told from one process to another."""
        return RequestRefused, (self.status, self.problem)


class InvalidKey(ValueError):
    """What was given as an API key cannot be one; it is not quoted."""


class Client:
    """Talks to one service; use it as a context manager.

    `key` is an API key, by default the one in the variable NEUROBATCH_API_KEY, if any; "" is none; InvalidKey for one
    that no service can have made. A service on this machine is never asked through a proxy. Every call raises
    RequestRefused where the service refuses, and httpx.TransportError where it is not reached. What may arrive twice is
    tried again first, as `patience` says, and anything that the service had no time for.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        key: str | None = None,
        timeout_s: float = 60.0,
        patience: Patience | None = None,
    ) -> None:
        key = (os.environ.get(KEY_VARIABLE, "") if key is None else key).strip()
        if not (key.isascii() and key.isprintable()):
            raise InvalidKey("The API key holds characters that no key has; it is not shown here.")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        through_proxies = not is_loopback(httpx.URL(url).host)
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s, trust_env=through_proxies)
        self._patient_timeout = httpx.Timeout(timeout_s, read=max(timeout_s, _ANSWERED_WITHIN_S))
        self._patience = patience or Patience()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def submit(
        self,
        paths: Sequence[Path | str] | Path | str,
        *,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        on_progress: Callable[[Sent], None] | None = None,
    ) -> Batch:
        """Send files, and every file of folders, as one batch; the batch as accepted.

        Files are opened one at a time, while they are sent. However often it has to be sent, it becomes one batch: the
        Idempotency-Key sees to that. Give one of your own, and the same again, to repeat this call after an error.
        Raises OSError where there is no file to send, or one that may not be read, and RequestRefused where a large
        submission breaks a limit of the service, both before anything is sent.
        """
        members = collect(paths)
        if not members:
            raise FileNotFoundError("there is no file to submit")
        check_readable(members)
        if is_large(members) and (problem := broken_limit(members, self.limits())) is not None:
            raise RequestRefused(problem["status"], problem)
        fields = {"name": name, "metadata": json.dumps(dict(metadata)) if metadata else None}
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}

        def post() -> httpx.Response:
            return self._http.post(
                "/v1/batches",
                files=form_files(members, on_progress),
                data={field: value for field, value in fields.items() if value},
                headers=headers,
                timeout=self._patient_timeout,
            )

        return cast(Batch, _document(self._patience.send(post)))

    def batch(self, batch_id: str) -> Batch:
        """One batch with its progress."""
        return cast(Batch, self._get(_path(batch_id)))

    def batches(self, *, search: str | None = None) -> Iterator[Batch]:
        """Every batch, newest first; or those whose name holds `search`, or whose id begins so."""
        return cast(Iterator[Batch], self._pages("/v1/batches", {"search": search}))

    def wait(
        self,
        batch_id: str,
        *,
        on_progress: Callable[[Batch], None] | None = None,
        interval_s: float = 0.5,
        timeout_s: float | None = None,
    ) -> Batch:
        """Poll until the batch is done, telling `on_progress` of each look; TimeoutError after `timeout_s`.

        Looks are `interval_s` apart at most, and closer at the beginning and as the end comes near.
        """
        began, pace = time.monotonic(), Pace()
        deadline = None if timeout_s is None else began + timeout_s
        while True:
            batch = self.batch(batch_id)
            if on_progress is not None:
                on_progress(batch)
            if batch["state"] in _FINAL:
                return batch
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"batch {batch_id} is still {batch['state']} after {timeout_s} s")
            time.sleep(min(interval_s, pace.pause_s(batch, waited_s=time.monotonic() - began)))

    def summary(self, batch_id: str) -> Summary:
        """How many of a batch's scans have which label, need review, were corrected or were rejected for what."""
        return cast(Summary, self._get(_path(batch_id, "summary")))

    def scans(self, batch_id: str, **filters: Unpack[BatchScanFilters]) -> Iterator[Scan]:
        """The scans of a batch with their results, in the order of submission or as `sort` says."""
        return cast(Iterator[Scan], self._pages(_path(batch_id, "scans"), filters))

    def search(self, **filters: Unpack[SearchFilters]) -> Iterator[Scan]:
        """The stored scans of all batches, newest first."""
        return cast(Iterator[Scan], self._pages("/v1/scans", filters))

    def studies(self, batch_id: str) -> Iterator[StudyHead]:
        """The volumes and DICOM series of a batch, in the order of submission."""
        return cast(Iterator[StudyHead], self._pages(_path(batch_id, "studies"), {}))

    def study(self, study_id: str) -> Study:
        """One volume or DICOM series: its slices in order with their results, and the most suspicious of them."""
        return cast(Study, self._get(f"/v1/studies/{quote(study_id, safe='')}"))

    def results(self, batch_id: str) -> Iterator[Scan]:
        """Every scan of a batch with its result, from one streamed answer; httpx.TransportError if that breaks off."""
        with self._stream(_path(batch_id, "results.jsonl")) as response:
            for line in _lines(response.iter_bytes()):
                yield json.loads(line)

    def download_heatmaps(
        self,
        batch_id: str,
        folder: Path | str,
        *,
        kind: HeatmapKind = "heatmap",
        on_progress: Callable[[int], None] | None = None,
    ) -> list[Path]:
        """Fetch the heatmap of every succeeded scan into `folder`, and tell how many are there; their paths.

        Files are named by scan id, so what is there already is not fetched again.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths: list[Path] = []
        for scan in self.scans(batch_id, state="succeeded"):
            path = folder / heatmap_file_name(scan, kind)
            if not path.exists():
                self._download(f"/v1/scans/{scan['id']}/{kind}", path)
            paths.append(path)
            if on_progress is not None:
                on_progress(len(paths))
        return paths

    def result_dicom(self, scan_id: str) -> bytes:
        """A scan's heatmap as a DICOM file in its study; RequestRefused with 409 `not_dicom` or `no_result`."""
        return self._file(f"/v1/scans/{quote(scan_id, safe='')}/result.dcm")

    def study_report(self, study_id: str) -> bytes:
        """A study's results as a DICOM structured report; RequestRefused with 409 `not_dicom` or `no_result`."""
        path = f"/v1/studies/{quote(study_id, safe='')}/report.dcm"
        return self._file(path, timeout=self._patient_timeout, repeatable=False)

    def download_dicom(self, batch_id: str, folder: Path | str) -> list[Path]:
        """Fetch `SCAN.result.dcm` of every succeeded scan and `STUDY.report.dcm` of every study; their paths.

        What did not come as DICOM, and a study whose slices have not all ended, is passed over. A scan's file that is
        there already is not fetched again; a report is, since its slices may have come to other results.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        studies = {study["id"] for study in self.studies(batch_id) if study["kind"] == "dicom"}
        scans = [scan for scan in self.scans(batch_id, state="succeeded") if scan["study_id"] in studies]
        paths = []
        for scan in scans:
            paths.append(folder / f"{id_in_a_name(scan['id'])}.result.dcm")
            if not paths[-1].exists():
                self._download(f"/v1/scans/{scan['id']}/result.dcm", paths[-1])
        for study in sorted(studies & {str(scan["study_id"]) for scan in scans}):
            path = folder / f"{id_in_a_name(study)}.report.dcm"
            try:
                self._download(f"/v1/studies/{study}/report.dcm", path, timeout=self._patient_timeout, repeatable=False)
            except RequestRefused as refused:
                if refused.problem.get("code") != "no_result":
                    raise
            else:
                paths.append(path)
        return paths

    def cancel(self, batch_id: str) -> Batch:
        """Stop what has not run; the batch after that."""
        return cast(Batch, self._once("POST", _path(batch_id, "cancel")))

    def retry(self, batch_id: str) -> Batch:
        """Run the failed scans again; the batch after that. RequestRefused with 409 where none has failed."""
        return cast(Batch, self._once("POST", _path(batch_id, "retry")))

    def correct(self, scan_id: str, label: str, *, note: str | None = None) -> Scan:
        """Put a reader's label and note beside the prediction of a succeeded scan; the scan after that."""
        body = {"label": label, "note": note}
        return cast(Scan, self._once("PUT", _correction_path(scan_id), json=body))

    def withdraw_correction(self, scan_id: str) -> Scan:
        """Take back what a reader said of a scan; the scan after that."""
        return cast(Scan, self._once("DELETE", _correction_path(scan_id)))

    def delete(self, batch_id: str) -> Removed:
        """Remove a batch with its rows and files; what went."""
        return cast(Removed, self._once("DELETE", _path(batch_id)))

    def add_webhook(
        self, url: str, *, events: Sequence[str] = ("batch.completed",), description: str | None = None
    ) -> NewWebhook:
        """Have `url` called when a batch has come to its end; the webhook with its `secret`, which is shown this once.

        RequestRefused with 422 where the URL is none or leads into a private network.
        """
        wanted = {"url": url, "events": list(events), "description": description}
        # Not repeated by itself: a webhook whose answer was lost would be there twice, once with a secret nobody knows.
        return cast(NewWebhook, self._once("POST", "/v1/webhooks", json=wanted))

    def webhooks(self) -> Iterator[Webhook]:
        """Every webhook of the project, newest first, without secrets."""
        return cast(Iterator[Webhook], self._pages("/v1/webhooks", {}))

    def webhook(self, webhook_id: str) -> Webhook:
        """One webhook."""
        return cast(Webhook, self._get(_webhook_path(webhook_id)))

    def remove_webhook(self, webhook_id: str) -> int:
        """Remove a webhook and its log; the number of deliveries that went."""
        return cast(int, self._once("DELETE", _webhook_path(webhook_id))["deliveries"])

    def ping_webhook(self, webhook_id: str) -> Delivery:
        """Have a `ping` sent, to try out the receiver; its delivery, which the log follows."""
        return cast(Delivery, self._once("POST", _webhook_path(webhook_id, "test")))

    def deliveries(self, webhook_id: str) -> Iterator[Delivery]:
        """The log of a webhook, newest first."""
        return cast(Iterator[Delivery], self._pages(_webhook_path(webhook_id, "deliveries"), {}))

    def resend(self, webhook_id: str, delivery_id: str) -> Delivery:
        """Have a delivery sent again, now, under the same id; the delivery after that."""
        path = _webhook_path(webhook_id, "deliveries", quote(delivery_id, safe=""), "resend")
        return cast(Delivery, self._once("POST", path))

    def models(self) -> list[dict[str, Any]]:
        """The model bundles at hand with their measured figures; `active` is the one that classifies."""
        return cast(list[dict[str, Any]], self._get("/v1/models")["items"])

    def limits(self) -> Limits:
        """What the service accepts."""
        return cast(Limits, self._get("/v1/limits"))

    def is_ready(self) -> bool:
        """Whether the service accepts batches."""
        try:
            return self._http.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return _document(self._patience.send(lambda: self._http.get(path, params=query)))

    def _file(self, path: str, *, timeout: httpx.Timeout | None = None, repeatable: bool = True) -> bytes:
        def fetch() -> httpx.Response:
            return self._http.get(path, timeout=timeout or self._http.timeout)

        response = self._patience.send(fetch, repeatable=repeatable)
        _refuse(response)
        return response.content

    def _once(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        def request() -> httpx.Response:
            return self._http.request(method, path, **content)

        return _document(self._patience.send(request, repeatable=False, is_change=True))

    def _pages(self, path: str, filters: Mapping[str, Any]) -> Iterator[Any]:
        query = {name: _in_query(value) for name, value in filters.items() if value is not None} | {"limit": _PAGE}
        while True:
            page = self._get(path, query)
            yield from page["items"]
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    @contextmanager
    def _stream(self, path: str) -> Iterator[httpx.Response]:
        def open_stream() -> httpx.Response:
            response = self._http.send(self._http.build_request("GET", path), stream=True)
            if response.is_error:
                response.read()
            return response

        with closing(self._patience.send(open_stream)) as response:
            _refuse(response)
            yield response

    def _download(
        self, path: str, target: Path, *, timeout: httpx.Timeout | None = None, repeatable: bool = True
    ) -> None:
        """Write beside `target` and move into place, so that a download cut short is not taken for whole."""
        unfinished = target.with_name(target.name + ".part")

        def fetch() -> httpx.Response:
            with self._http.stream("GET", path, timeout=timeout or self._http.timeout) as response:
                if not response.is_success:
                    response.read()
                    return response
                with unfinished.open("wb") as file:
                    for data in response.iter_bytes():
                        file.write(data)
            return response

        _refuse(self._patience.send(fetch, repeatable=repeatable))
        unfinished.replace(target)


def _path(batch_id: str, *below: str) -> str:
    return "/".join(("/v1/batches", quote(batch_id, safe=""), *below))


def _correction_path(scan_id: str) -> str:
    return f"/v1/scans/{quote(scan_id, safe='')}/correction"


def _webhook_path(webhook_id: str, *below: str) -> str:
    return "/".join(("/v1/webhooks", quote(webhook_id, safe=""), *below))


def _in_query(value: object) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Split at line feeds alone: a file's name may hold what `str.splitlines` takes for the end of a line."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _document(response: httpx.Response) -> dict[str, Any]:
    _refuse(response)
    try:
        document: dict[str, Any] = response.json()
    except ValueError:
        raise RequestRefused(response.status_code, {"detail": "The answer is no JSON: this is no neurobatch"}) from None
    return document


def _refuse(response: httpx.Response) -> None:
    if response.is_success:
        return
    if response.is_redirect:
        place = response.headers.get("Location", "nowhere")
        raise RequestRefused(response.status_code, {"detail": f"This address leads to {place}; give that one"})
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"detail": response.text[:200]}
    raise RequestRefused(response.status_code, cast(Problem, problem))
