"""Between the loop and the conversation: listener, connections, write queues. Bytes and descriptors, no commands."""
