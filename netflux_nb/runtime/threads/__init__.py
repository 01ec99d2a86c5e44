"""Threads: the pool, the loop thread, waits with interrupts, collection of many Nodes."""
