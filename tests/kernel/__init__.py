"""The kernel on its own: loop, timers, tasks, sockets, threads, locks."""
