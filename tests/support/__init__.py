"""Helpers of the tests: a private database, a real server, a real client."""
