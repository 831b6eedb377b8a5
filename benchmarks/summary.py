"""The figures that count, made of what was measured: as top-level keys of the JSON, and as a table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.figures import Figure, figure, ratio
from benchmarks.floor import stage_table
from benchmarks.processor_time import processor_table
from benchmarks.slow_requests import slow_table

_KINDS = {"api": "API", "worker": "worker", "decoding": "decoding", "relay": "relay", "broker": "broker"}
_DESCRIPTIONS = {
    "end_to_end_over_in_process_100": "end to end over the in-process loop, 100 scans",
    "end_to_end_over_in_process_1000": "the same, 1,000 scans",
    "end_to_end_over_in_process_10000": "the same, 10,000 scans",
    "million_scans_h": "a million scans at the speed of 10,000",
    "million_scans_uploads_gb": "uploads of a million such scans, on disk",
    "million_scans_artifacts_gb": "results of a million, on disk",
    "million_scans_database_gb": "a million scans in PostgreSQL",
    "over_usual_script": "end to end over the usual Keras script",
    "over_bentoml": "end to end over BentoML",
    "over_litserve": "end to end over LitServe",
    "over_mlserver": "end to end over MLServer",
    "explain_over_predict": "time of the network with Grad-CAM over the network alone",
    "cnn_over_mobilenetv2": "throughput of the network over MobileNetV2's",
    "accept_over_process": "speed of accepting uploads over that of processing them, 1,000 scans",
    "status_poll_p95_ms_1m": "status poll at 1,000,000 stored scans, p95",
    "scan_page_p95_ms_1m": "slowest kind of page or filter at 1,000,000 stored scans, p95",
    "api_rss_mb": "largest API process, 10,000 scans",
    "worker_rss_mb": "largest worker process, 10,000 scans",
    **{
        f"{kind}_rss_10000_over_1000": f"largest {name} process, 10,000 scans over 1,000"
        for kind, name in _KINDS.items()
    },
    "api_ready_s": "from the start to the API ready",
    "first_result_after_import_s": "from TensorFlow imported to the first result",
}
# What is aimed at, of the median; of a server, of the lowest.
_AT_LEAST = {
    "end_to_end_over_in_process_1000": 0.85,
    "end_to_end_over_in_process_10000": 0.85,
    "over_usual_script": 25.0,
    "over_bentoml": 1.0,
    "over_litserve": 1.0,
    "over_mlserver": 1.0,
    "cnn_over_mobilenetv2": 2.0,
    "accept_over_process": 3.0,
}
_AT_MOST = {
    "explain_over_predict": 1.05,
    "status_poll_p95_ms_1m": 10.0,
    "scan_page_p95_ms_1m": 30.0,
    "api_rss_mb": 200.0,
    "worker_rss_mb": 1024.0,
    "api_rss_10000_over_1000": 1.1,
    "worker_rss_10000_over_1000": 1.1,
    "api_ready_s": 3.0,
    "first_result_after_import_s": 3.0,
}
_SERVERS = ("bentoml", "litserve", "mlserver")
_MILLION, _GB = 1_000_000, 1e9
_RIVALS = ("usual_script", *_SERVERS)


def headline(measured: Mapping[str, Any]) -> dict[str, Any]:
    """The median of each figure under its name, and under `figures` all of them with spread and unit."""
    figures = {**_of_stages(measured), **_of_turns(measured), **_of_rivals(measured), **_of_the_rest(measured)}
    known = {name: figures[name] for name in _DESCRIPTIONS if name in figures}
    return {
        **{name: one["median"] for name, one in known.items()},
        "figures": known,
    }


def markdown(document: Mapping[str, Any]) -> str:
    """A table of the figures, made anew of what was measured, one of the speeds, and those of where the time goes."""
    rows = [
        f"| {_DESCRIPTIONS[name]} | {_told(one, 'median')} {_unit(one)} "
        f"| {_told(one, 'low')} to {_told(one, 'high')} | {_aim(name, one)} |"
        for name, one in headline(document)["figures"].items()
    ]
    speeds = [f"| {name} | {speed:.1f} |" for name, speed in _speeds(document).items()]
    machine = document["machine"]
    return "\n".join(
        [
            f"{machine['cores']} cores of {machine['processor']}; {document['seconds']} s in all.",
            *_environments(document),
            "",
            "| figure | median | lowest to highest | aimed at |",
            "|---|---|---|---|",
            *rows,
            "",
            "| | scans/s |",
            "|---|---|",
            *speeds,
            "",
            *stage_table(document),
            "",
            *_ended(processor_table(document)),
            *_ended(slow_table(document)),
        ]
    )


def _ended(lines: Iterable[str]) -> list[str]:
    """A table with the empty line after it, if it has any."""
    found = list(lines)
    return [*found, ""] if found else []


def _environments(document: Mapping[str, Any]) -> list[str]:
    """One line; none of a run of before, which did not tell."""
    found = [one for one in document.get("rivals", {}).values() if "environment_s" in one]
    if not found:
        return []
    seconds = sum(one["environment_s"] for one in found)
    made = sum(one["environment_made"] for one in found)
    return [f"The rivals' environments took {seconds:.0f} s of these; {made} of {len(found)} were made in this run."]


def _aim(name: str, one: Mapping[str, Any]) -> str:
    if name in _AT_LEAST:
        least, lowest = _AT_LEAST[name], name.removeprefix("over_") in _SERVERS
        reached = one["low"] > least if lowest else one["median"] >= least
        return f"{'the lowest ' if lowest else ''}at least {least:g}: {'met' if reached else '**missed**'}"
    if name in _AT_MOST:
        return f"at most {_AT_MOST[name]:g}: {'met' if one['median'] <= _AT_MOST[name] else '**missed**'}"
    return ""


def _told(one: Mapping[str, Any], which: str) -> str:
    """Ratios to four digits, as some lie within a thousandth of their aim."""
    return f"{one[which]:.4g}" if one["unit"] == "times" else f"{one[which]:.3g}"


def _unit(one: Mapping[str, Any]) -> str:
    return "x" if one["unit"] == "times" else str(one["unit"])


def _of_stages(measured: Mapping[str, Any]) -> dict[str, Any]:
    stages: dict[str, Any] = measured.get("stages", {})
    return stages


def _of_turns(measured: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Figure] = {}
    turns = measured.get("side_by_side", {})
    for size, one in turns.items():
        found[f"end_to_end_over_in_process_{size}"] = ratio(one["in_process_s"], one["service_s"])
    if "1000" in turns:
        one = turns["1000"]
        processed = [done - accepted for done, accepted in zip(one["service_s"], one["accepted_s"], strict=True)]
        found["accept_over_process"] = ratio(processed, one["accepted_s"])
    if turns:
        peaks = turns[max(turns, key=int)]["peak_mib"]
        found["api_rss_mb"] = figure([peaks["api"]], "MiB")
        found["worker_rss_mb"] = figure([peaks["worker"]], "MiB")
    if "10000" in turns:
        found["million_scans_h"] = figure([100 * seconds / 3600 for seconds in turns["10000"]["service_s"]], "h")
        for kind, size_bytes in turns["10000"].get("disk_bytes_a_scan", {}).items():
            found[f"million_scans_{kind}_gb"] = figure([size_bytes * _MILLION / _GB], "GB")
    if {"1000", "10000"} <= set(turns):
        more, less = (turns[size]["peak_mib"] for size in ("10000", "1000"))
        for kind in set(more) & set(less):
            found[f"{kind}_rss_10000_over_1000"] = figure([more[kind] / less[kind]], "times")
    return {name: one.as_json() for name, one in found.items()}


def _of_rivals(measured: Mapping[str, Any]) -> dict[str, Any]:
    rivals = measured.get("rivals", {})
    return {
        f"over_{rival}": ratio(rivals[rival]["service"], rivals[rival]["rival"]).as_json()
        for rival in _RIVALS
        if rival in rivals
    }


def _of_the_rest(measured: Mapping[str, Any]) -> dict[str, Any]:
    start = measured.get("start", {})
    reading = measured.get("reading", {})
    # A run of before has each figure of the start once, and no size of the database.
    seconds = {name: value if isinstance(value, list) else [value] for name, value in start.items()}
    in_postgres = [reading["database_bytes"] / reading["scans"] * _MILLION / _GB] if "database_bytes" in reading else []
    return {
        **{name: figure(values, "s").as_json() for name, values in seconds.items()},
        **({"million_scans_database_gb": figure(in_postgres, "GB").as_json()} if in_postgres else {}),
        **{name: figure([reading[name]], "ms").as_json() for name in _DESCRIPTIONS if name in reading},
    }


def _speeds(document: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for size, one in document.get("side_by_side", {}).items():
        found[f"in process, {size} scans"] = int(size) / statistics.median(one["in_process_s"])
        found[f"end to end, {size} scans"] = int(size) / statistics.median(one["service_s"])
    for rival, speeds in document.get("rivals", {}).items():
        found[rival] = statistics.median(speeds["rival"])
        if rival in _SERVERS and "before_disk" in speeds:
            found[f"{rival}, until its files are written to memory"] = statistics.median(speeds["before_disk"])
        found[f"end to end, beside {rival}"] = statistics.median(speeds["service"])
    return found
