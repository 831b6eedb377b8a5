"""What marks a scan that crashes the process that decodes it."""

from __future__ import annotations

POISON = "neurobatch-chaos-poison"
# Its file's name begins so; such a scan must end as *failed* with `worker_lost`.
POISON_NAME = "poison"
