"""The cluster for experiments says what it lacks; that it works, its campaign shows (scripts/galera-campaign)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from scripts import galera
from tests.support import mariadb


def test_a_machine_without_galera_is_told_which_packages_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(galera, "PROVIDERS", ("/no/such/library.so",))
    monkeypatch.setattr(galera, "NEEDED", {"no-such-program": "rsync", "sh": "dash"})
    monkeypatch.setattr(mariadb, "is_installed", lambda: False)
    with pytest.raises(galera.Missing, match=r"apt-get install mariadb-server galera-4 rsync$"), galera.cluster():
        pass


def test_a_refused_cluster_leaves_no_directory_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(galera, "PROVIDERS", ())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(galera.Missing), galera.cluster():
        pass
    assert not list(tmp_path.iterdir())
