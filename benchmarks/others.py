"""Servers of others, as their own documentation sets them up for this: nginx, pyftpdlib, vsftpd."""

from __future__ import annotations

import re
import secrets
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks.contestants import Contestant, connect, drop, read_until, send_file
from benchmarks.harness import ServerProcess, free_port, serving


def installed() -> list[Contestant]:
    """Those that this machine has."""
    found: list[Contestant] = [Nginx()] if shutil.which("nginx") else []
    found += [Pyftpdlib()] if find_spec("pyftpdlib") else []
    found += [Vsftpd()] if shutil.which("vsftpd") else []
    return found


class HttpVisitor:
    """One connection, kept alive."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def download(self, size: int) -> None:
        """GET."""
        self._sock.sendall(b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self._head(b" 200 ")
        drop(self._sock, size)

    def upload(self, file: Path) -> None:
        """PUT, of a name of its own, then DELETE, so that the disk does not fill."""
        name, size = secrets.token_hex(4), file.stat().st_size
        head = f"PUT /upload/{name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
        self._sock.sendall(head.encode())
        send_file(self._sock, file)
        self._head(b" 201 ")  # without a body, as is 204
        self._sock.sendall(f"DELETE /upload/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self._head(b" 204 ")

    def _head(self, expected: bytes) -> None:
        answer = read_until(self._sock, b"\r\n\r\n")
        if expected not in answer:
            raise RuntimeError(f"nginx answers {answer!r}")


class Nginx:
    """nginx with sendfile; uploads by PUT (WebDAV)."""

    name = "nginx"

    @contextmanager
    def serving(self, directory: Path) -> Iterator[ServerProcess]:
        """One worker, as one core's share."""
        port = free_port()
        (directory / "upload").mkdir(exist_ok=True)
        configuration = directory / "nginx.conf"
        configuration.write_text(
            f"""
            daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/nginx.log; user root;
            events {{ worker_connections 1024; }}
            http {{
              access_log off; sendfile on; tcp_nopush on; client_max_body_size 0; client_body_buffer_size 256k;
              client_body_temp_path {directory}/nginx-temp;
              server {{
                listen 127.0.0.1:{port};
                location / {{ root {directory}; }}
                location /upload/ {{ root {directory}; dav_methods PUT DELETE; }}
              }}
            }}"""
        )
        with serving([shutil.which("nginx") or "nginx", "-c", str(configuration)], port) as server:
            yield server

    @contextmanager
    def visiting(self, server: ServerProcess, number: int) -> Iterator[HttpVisitor]:
        """A connection."""
        with connect(server) as sock:
            yield HttpVisitor(sock)


class FtpVisitor:
    """One control connection, logged in; a data connection for each transfer."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        read_until(control, b"\r\n")
        for command in ("USER anonymous", "PASS x", "TYPE I"):
            self._command(command, b"")

    def download(self, size: int) -> None:
        """RETR."""
        with self._data() as data:
            self._command("RETR file", b"1")
            drop(data, size)
        read_until(self._control, b"\r\n")

    def upload(self, file: Path) -> None:
        """STOR, of a name of its own, then DELE, so that the disk does not fill."""
        name = f"upload/{secrets.token_hex(4)}"
        with self._data() as data:
            self._command(f"STOR {name}", b"1")
            send_file(data, file)
        read_until(self._control, b"\r\n")
        self._command(f"DELE {name}", b"2")

    def _data(self) -> socket.socket:
        answer = self._command("PASV", b"2").decode()
        found = re.search(r"\((.*)\)", answer)
        assert found is not None
        numbers = [int(number) for number in found[1].split(",")]
        return socket.create_connection(("127.0.0.1", numbers[4] * 256 + numbers[5]), 120)

    def _command(self, text: str, expected: bytes) -> bytes:
        self._control.sendall(text.encode() + b"\r\n")
        answer = read_until(self._control, b"\r\n")
        if not answer.startswith(expected):
            raise RuntimeError(f"{text}: {answer!r}")
        return answer


@contextmanager
def ftp_visit(_: Contestant, server: ServerProcess, number: int) -> Iterator[FtpVisitor]:
    """A session."""
    with connect(server) as control:
        yield FtpVisitor(control)


class Pyftpdlib:
    """pyftpdlib with its default asynchronous server and sendfile."""

    name = "pyftpdlib"

    @contextmanager
    def serving(self, directory: Path) -> Iterator[ServerProcess]:
        """Anonymous and allowed to write."""
        port = free_port()
        (directory / "upload").mkdir(exist_ok=True)
        command = [sys.executable, "-m", "pyftpdlib", "-i", "127.0.0.1", "-p", str(port), "-w", "-d", str(directory)]
        with serving(command, port) as server:
            yield server

    visiting = ftp_visit


class Vsftpd:
    """vsftpd, standalone, with sendfile as by default and, as its notes on tuning advise, one process a session."""

    name = "vsftpd"

    @contextmanager
    def serving(self, directory: Path) -> Iterator[ServerProcess]:
        """Anonymous and allowed to write, on loopback, with nothing of the machine's own settings."""
        port = free_port()
        (directory / "empty").mkdir(exist_ok=True)
        uploads = directory / "upload"
        uploads.mkdir(exist_ok=True)
        uploads.chmod(0o777)
        settings = directory / "vsftpd.conf"
        settings.write_text(
            f"listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\none_process_model=YES\n"
            f"anonymous_enable=YES\nno_anon_password=YES\nlocal_enable=NO\nanon_root={directory}\n"
            "write_enable=YES\nanon_upload_enable=YES\nanon_other_write_enable=YES\nxferlog_enable=NO\n"
            f"max_per_ip=0\nsecure_chroot_dir={directory}/empty\n"
        )
        with serving([shutil.which("vsftpd") or "vsftpd", str(settings)], port) as server:
            yield server

    visiting = ftp_visit
