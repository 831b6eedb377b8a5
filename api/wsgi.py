"""What gunicorn serves: `gunicorn api.wsgi:app`."""

from __future__ import annotations

from api.app import create_app
from shared.observability import configure_logging
from shared.settings import load_settings

_settings = load_settings()
configure_logging(_settings.log_level)
app = create_app(_settings)
