"""The relay as the harness runs it: `python -m chaos.relay_app`."""

from __future__ import annotations

from chaos import clock, messages

clock.install("relay")
messages.install("relay")

from neurobatch.commands.relay import relay  # noqa: E402

if __name__ == "__main__":
    relay()
