"""Pictures of an evaluation, made from its JSON alone; only the gallery needs scans."""
