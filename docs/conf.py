"""How the documents become one site: `make docs`. They are plain Markdown, which reads as well where it lies."""

project = "neurobatch"
author = copyright = "the neurobatch authors"
extensions = ["myst_parser"]
myst_heading_anchors = 4
exclude_patterns = ["images"]
html_theme = "furo"
html_title = "neurobatch"
