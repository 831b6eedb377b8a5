"""The Celery side: claims scans, runs the pipeline on them and records what came out."""
