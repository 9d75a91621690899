"""The client: its library against a peer in the test, its command against the real server."""
