"""Where work runs: the device of a process, and the processes that share one piece of work."""
