"""The wire, for both ends: frames, messages, fingerprints. Bytes in, messages out; no socket, clock, thread or file."""
