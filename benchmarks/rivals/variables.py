"""What a server's processes read from their environment and leave in their folder. Imported on both sides."""

from __future__ import annotations

FOLDER_VARIABLE = "RIVAL_FOLDER"
MODEL_VARIABLE = "RIVAL_MODEL_DIR"
WORKERS_VARIABLE = "RIVAL_WORKERS"
READY = "ready"  # below the folder: one file for each process that can work
