"""The figures that count, made of what was measured: as top-level keys of the JSON, and as a table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.figures import Figure, figure, ratio

_DESCRIPTIONS = {
    "end_to_end_over_in_process_100": "end to end over the in-process loop, 100 scans",
    "end_to_end_over_in_process_1000": "the same, 1,000 scans",
    "end_to_end_over_in_process_10000": "the same, 10,000 scans",
    "million_scans_h": "a million scans at the speed of 10,000",
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
    "worker_rss_10000_over_1000": "the same over that at 1,000 scans",
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
    "worker_rss_10000_over_1000": 1.1,
    "api_ready_s": 3.0,
    "first_result_after_import_s": 3.0,
}
_SERVERS = ("bentoml", "litserve", "mlserver")
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
    """A table of the figures, one of the speeds they stand on, and one of where the time of a scan goes."""
    rows = [
        f"| {_DESCRIPTIONS[name]} | {one['median']:.3g} {_unit(one)} | {one['low']:.3g} to {one['high']:.3g} "
        f"| {_aim(name, one)} |"
        for name, one in document["figures"].items()
    ]
    speeds = [f"| {name} | {speed:.1f} |" for name, speed in _speeds(document).items()]
    stages = [
        f"| {name.removesuffix('_ms')} | {one['median']:.3g} | {one['low']:.3g} to {one['high']:.3g} |"
        for name, one in document.get("stages", {}).items()
        if name.endswith("_ms")
    ]
    machine = document["machine"]
    return "\n".join(
        [
            f"{machine['cores']} cores of {machine['processor']}; {document['seconds']} s in all.",
            "",
            "| figure | median | lowest to highest | aimed at |",
            "|---|---|---|---|",
            *rows,
            "",
            "| | scans/s |",
            "|---|---|",
            *speeds,
            "",
            "| stage, one thread | ms a scan | lowest to highest |",
            "|---|---|---|",
            *stages,
            "",
        ]
    )


def _aim(name: str, one: Mapping[str, Any]) -> str:
    if name in _AT_LEAST:
        least, lowest = _AT_LEAST[name], name.removeprefix("over_") in _SERVERS
        reached = one["low"] > least if lowest else one["median"] >= least
        return f"{'the lowest ' if lowest else ''}at least {least:g}: {'met' if reached else '**missed**'}"
    if name in _AT_MOST:
        return f"at most {_AT_MOST[name]:g}: {'met' if one['median'] <= _AT_MOST[name] else '**missed**'}"
    return ""


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
    if {"1000", "10000"} <= set(turns):
        more, less = (turns[size]["peak_mib"]["worker"] for size in ("10000", "1000"))
        found["worker_rss_10000_over_1000"] = figure([more / less], "times")
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
    return {
        **{name: figure([value], "s").as_json() for name, value in start.items()},
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
