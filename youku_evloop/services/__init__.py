"""What the library does, as plain functions on the models. They know nothing of who asks or over which wire."""
