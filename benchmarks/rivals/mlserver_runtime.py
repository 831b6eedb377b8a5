"""MLServer."""

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
