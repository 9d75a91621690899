"""The whole system: the real server as a process, the real `youku` command, on SQLite and on MariaDB."""
