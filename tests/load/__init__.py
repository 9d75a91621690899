"""The loop under load, hostile clients, clean stops, TLS: real sockets against a real server process."""
