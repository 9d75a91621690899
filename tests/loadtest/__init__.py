"""`youku loadtest`: its parts by themselves, and small tests of a real server."""
