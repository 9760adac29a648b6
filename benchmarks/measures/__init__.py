"""One module per thing that is measured.

Each has ``SIDES``, what it compares; ``measure(side, job, started)``, which runs in a process of its own and returns
figures by name; and ``lines(results)``, the Markdown of what came out. Those that measure more than a process of our
own making, ``ingest``, ``window_report`` and ``end_to_end``, are run by the command itself, and so is ``sizes``, which
measures files.
"""
