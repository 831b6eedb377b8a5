"""LitServe 0.2 by its guides "Speed up serving by 200x" and "Batching" (lightning.ai/docs/litserve).

Followed: `max_batch_size` with a short `batch_timeout`, on a CPU as many `workers_per_device` as cores, `fast_queue`,
base64 in JSON. Beyond the guides: no log of accesses, uvloop and httptools. In this release `fast_queue` does nothing,
and where it is forced on, no answer ever comes (LitServe's issue 751); it is set for the release that mends it.

Tried, two cores shared with other work, so told as processor time per scan: batches of 8 14.8 ms, 16 13.7 to 14.4 ms,
32 14.5 ms; two API processes instead of one 14.3 ms; a `batch_timeout` of 0.1 s 14.3 ms; three workers 15.3 ms; one
worker with two threads for the network 12.7 ms, but that leaves one core idle between forward passes.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Sequence

import litserve

from benchmarks.rivals.work import Answer, work_of_this_process, workers

_MAX_BATCH = 16
_BATCH_TIMEOUT_S = 0.02
_API_SERVERS = 1


class ScanAPI(litserve.LitAPI):
    """Classifies and explains scans."""

    def setup(self, device: str) -> None:
        """Load the model, once in each worker."""
        self._work = work_of_this_process()

    def decode_request(self, request):  # type: ignore[no-untyped-def] # an annotation would be taken for a schema
        """The file in a request's JSON."""
        return base64.b64decode(request["scan"])

    def batch(self, inputs: Sequence[bytes]) -> Sequence[bytes]:
        """Files are not stacked."""
        return inputs

    def predict(self, x: Sequence[bytes]) -> list[Answer]:
        """Image files of several requests to their answers in order."""
        return self._work.run(x)

    def unbatch(self, output: list[Answer]) -> list[Answer]:
        """One answer for each request."""
        return output

    def encode_response(self, output):  # type: ignore[no-untyped-def] # as above
        """An answer is JSON already."""
        return output


def main() -> None:
    """Serve on the port that is the first argument."""
    api = ScanAPI(max_batch_size=_MAX_BATCH, batch_timeout=_BATCH_TIMEOUT_S)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=workers(), fast_queue=True, timeout=False)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=_API_SERVERS,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )


if __name__ == "__main__":
    main()
