"""LitServe."""

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
