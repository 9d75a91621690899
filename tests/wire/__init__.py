"""The wire, without a wire: bytes in, messages out."""
