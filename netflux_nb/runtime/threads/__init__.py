"""Where bodies run, and how a thread waits: the pool, the loop thread, interrupts, collecting."""
