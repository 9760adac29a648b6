"""What a person sees while the stage works: live on a terminal, one plain line per event anywhere else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

DONE: Final = "[green]✓[/]"
FAILED: Final = "[red]✗[/]"
_PLAIN_EVERY_SECONDS: Final = 2.0
_REDRAW_EVERY_SECONDS: Final = 0.1
_NAME_WIDTH: Final = 24


class Steps:
    """Things that are under way, several at a time.

    Args:
        console: to draw on.
        live: whether it can be redrawn.
    """

    def __init__(self, console: Console, *, live: bool) -> None:
        self._console = console
        self._progress: Progress | None = None
        self._drawing = threading.Lock()
        if live:
            self._progress = Progress(
                SpinnerColumn(finished_text=" "),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                console=console,
                transient=True,
                auto_refresh=False,
            )

    @contextmanager
    def showing(self) -> Iterator[Steps]:
        """Draw the steps until the block ends."""
        if self._progress is None:
            yield self
            return
        done = threading.Event()
        redrawing = threading.Thread(target=self._redraw, args=(self._progress, done), daemon=True)
        with self._progress:
            redrawing.start()
            try:
                yield self
            finally:
                done.set()
                redrawing.join()

    def _redraw(self, progress: Progress, done: threading.Event) -> None:
        """Redraw the live part until it is done.

        Rich would do this in a thread of its own, which can write an older picture after a line that was printed
        meanwhile, and a step that has ended then stays on the screen.
        """
        while not done.wait(_REDRAW_EVERY_SECONDS):
            with self._drawing:
                progress.refresh()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """One step, from the block's beginning to its end."""
        step = self.begin(name)
        try:
            yield step
        except BaseException:
            step.end("", mark=FAILED)
            raise
        step.end(step.note)

    def begin(self, name: str) -> Step:
        """A step that is ended by hand."""
        with self._drawing:  # a new task is drawn at once
            task = self._progress.add_task(name, total=1) if self._progress is not None else None
        return Step(self, name, task)

    def finish(self, name: str, task: TaskID | None, seconds: float, note: str, mark: str) -> None:
        """Take a step off the live part and leave a line of it."""
        with self._drawing:
            if self._progress is not None and task is not None:
                self._progress.remove_task(task)
            self._console.print(f"  {mark} {name:<{_NAME_WIDTH}} {seconds:6.1f} s  [dim]{note}[/]", highlight=False)


class Step:
    """One thing that is under way.

    Attributes:
        note: shown when it ends.
    """

    def __init__(self, owner: Steps, name: str, task: TaskID | None) -> None:
        self.note = ""
        self._owner = owner
        self._name = name
        self._task = task
        self._started = time.monotonic()
        self._ended = False

    def end(self, note: str = "", *, mark: str = DONE) -> None:
        """End it; a second time does nothing."""
        if not self._ended:
            self._ended = True
            self._owner.finish(self._name, self._task, time.monotonic() - self._started, note, mark)


class Bars:
    """Counts that grow towards a total.

    Args:
        console: to draw on.
        live: whether it can be redrawn.
    """

    def __init__(self, console: Console, *, live: bool) -> None:
        self._console = console
        self._plain: dict[str, tuple[int, int]] = {}
        self._said: dict[str, tuple[int, int]] = {}
        self._said_at = 0.0
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._progress: Progress | None = None
        if live:
            self._progress = Progress(
                TextColumn("  {task.description:<12}"),
                BarColumn(bar_width=40),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=console,
            )

    @contextmanager
    def showing(self) -> Iterator[Bars]:
        """Draw the bars until the block ends."""
        if self._progress is None:
            yield self
            self._say()
            return
        with self._progress:
            yield self

    def update(self, name: str, done: int, total: int) -> None:
        """Say how far something is."""
        with self._lock:
            self._plain[name] = (done, total)
            if self._progress is None:
                if time.monotonic() - self._said_at >= _PLAIN_EVERY_SECONDS:
                    self._say()
                return
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(name, total=total)
            self._progress.update(self._tasks[name], completed=done, total=total)

    def _say(self) -> None:
        self._said_at = time.monotonic()
        if self._plain and self._plain != self._said:
            self._said = dict(self._plain)
            parts = [f"{name} {done}/{total}" for name, (done, total) in self._plain.items()]
            self._console.print(f"  {', '.join(parts)}", highlight=False)


class Display:
    """Draws on the terminal, or writes plain lines where there is none."""

    def __init__(self) -> None:
        self.live = sys.stdout.isatty()
        self.console = Console(file=sys.stdout, soft_wrap=not self.live, force_terminal=None)

    def steps(self) -> Steps:
        """Steps to show."""
        return Steps(self.console, live=self.live)

    def bars(self) -> Bars:
        """Bars to show."""
        return Bars(self.console, live=self.live)

    def title(self, text: str) -> None:
        """A heading."""
        self.console.print(f"\n[bold]{text}[/]", highlight=False)

    def say(self, text: str) -> None:
        """A line."""
        self.console.print(text, highlight=False)
