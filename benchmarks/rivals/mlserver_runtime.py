"""MLServer 1.7 by "Adaptive Batching", "Parallel Inference" and "Custom Inference Runtimes" (docs.seldon.ai/mlserver).

Followed: `max_batch_size` and `max_batch_time` found by experiment, as the guide asks, `parallel_workers` as many as
cores (4 by default), a runtime of our own. The settings are in `mlserver_settings`. Beyond the guides: `debug` off, so
no log of accesses, no endpoint for metrics, httptools. Its workers die at their start under uvloop 0.23; 0.21 works.

Tried, two cores shared with other work, so told as processor time per scan: batches of 8 14.1 ms, 16 12.8 to 14.1 ms,
32 13.5 ms; up to 0.2 s for a batch to fill 12.8 ms; 128 connections instead of 64 12.9 ms; three workers 14.9 ms; one
worker with two threads for the network 12.6 ms, but that leaves one core idle between forward passes.
"""

from __future__ import annotations

import base64
import json

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

from benchmarks.rivals.work import work_of_this_process


class ScanRuntime(MLModel):
    """Classifies and explains scans."""

    async def load(self) -> bool:
        """Load the model, once in each worker."""
        self._work = work_of_this_process()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Image files in base64, of several requests, to answers in JSON, in order."""
        scans = [base64.b64decode(scan) for scan in payload.inputs[0].data.root]
        answers = [json.dumps(answer) for answer in self._work.run(scans)]
        output = ResponseOutput(name="answers", datatype="BYTES", shape=[len(answers), 1], data=answers)
        return InferenceResponse(model_name=self.name, outputs=[output])
