"""What a network is shown in training, varied at random, and what it is to say of it; made while it works."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from shared.domain import CLASSES
from training.augmentation.augment import augment
from training.augmentation.counterfactuals import Counterfactuals
from training.augmentation.crops import Crops
from training.augmentation.greys import OtherGreys
from training.augmentation.patchwork import Patchwork
from training.augmentation.stripped import Stripped
from training.cell_labels import cell_labels
from training.config import TrainingConfig
from training.dataset.slices import Examples
from training.teacher import Teacher

Batch = tuple[npt.NDArray[np.float32], tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]
_BATCHES_AHEAD = 4


class AugmentedBatches:
    """Shuffled, augmented batches; every draw depends on (seed, epoch, batch) alone, so a resumed run repeats it.

    `stride`: image pixels a cell of the class maps.
    """

    def __init__(
        self, examples: Examples, *, config: TrainingConfig, stride: int, teacher: Teacher | None = None
    ) -> None:
        self._examples = Counterfactuals(examples, share=config.counterfactuals)
        self._patchwork = Patchwork(examples, share=config.patchwork)
        self._stripped = Stripped(share=config.stripped)
        self._crops = Crops(share=config.crops)
        self._greys = OtherGreys(examples.pixels, share=config.other_greys)
        self._labels = examples.labels
        self._config = config
        self._stride = stride
        self._teacher = teacher
        self.steps = len(examples) // config.batch
        if not self.steps:
            raise ValueError(f"{len(examples)} pictures to train on are fewer than one batch of {config.batch}")

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch, the next ones made in a background thread while the network works."""
        order = np.random.default_rng((self._config.seed, number)).permutation(len(self._labels))
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="augment") as thread:
            ahead: deque[Future[Batch]] = deque()
            for step in range(self.steps):
                chosen = order[step * self._config.batch : (step + 1) * self._config.batch]
                ahead.append(thread.submit(self._make, chosen, epoch=number, step=step))
                if len(ahead) > _BATCHES_AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def _make(self, chosen: npt.NDArray[np.int64], *, epoch: int, step: int) -> Batch:
        """(N, S, S, 1) pixels, and the targets: shares of classes (N, 4), and of each cell (N, g, g, 4)."""
        rng = np.random.default_rng((self._config.seed, epoch, step))
        size_px = self._config.size_at(epoch)
        grid = size_px // self._stride
        pixels = np.empty((len(chosen), size_px, size_px, 1), np.float32)
        cells = np.empty((len(chosen), grid, grid, len(CLASSES)), np.float32)
        targets = np.zeros((len(chosen), len(CLASSES)), np.float32)
        whole = np.empty(len(chosen), bool)
        for at, which in enumerate(chosen):
            drawn = self._examples.draw(int(which), rng=rng)
            sewn = self._patchwork.sew(drawn, rng=rng)
            example = self._crops.cut(self._stripped.strip(sewn, rng=rng), rng=rng)
            greys = self._greys.exchange(example.pixels, rng=rng)
            picture, mask = augment(
                greys, example.outline, size_px=size_px, rng=rng, strength=self._config.augmentation
            )
            pixels[at, :, :, 0] = picture
            cells[at] = cell_labels(mask, label=example.label, outlined=bool(example.outline.any()), grid=grid)
            targets[at, example.label] = 1
            whole[at] = not example.changed
        if self._teacher is not None:
            targets[whole] = self._teacher.teach(pixels[whole], targets[whole])
        return pixels, (targets, cells)
