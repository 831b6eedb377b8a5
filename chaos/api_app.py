"""The API as the harness runs it: `gunicorn chaos.api_app:app`."""

from __future__ import annotations

from chaos import clock, messages

clock.install("api")
messages.install("api")

from api.publisher import Publisher  # noqa: E402
from api.staging import Staging  # noqa: E402
from chaos.wrapping import deadly, wrap  # noqa: E402

wrap(Staging, "next_file", deadly(after="api.receiving"))
wrap(Staging, "keep_as", deadly(after="api.kept"))
wrap(Publisher, "publish", deadly(before="api.committed"))

from api.wsgi import app  # noqa: E402, F401
