"""What a long-lived child in the sandbox may see: it is decided when the child starts, and grows by starting anew."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .sandbox import Reach
from .scratch import drop_folder, make_folder


def identity(path: Path) -> tuple[int, int]:
    """Tells a folder from another one of the same name."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


class Territory:
    """The folders of a child, and one folder for whatever is made for it.

    Args:
        python: The interpreter it runs with.
        places: Folders whose content it will be asked about, as far as they are known.
        read: Further folders it needs.
        writes: Whether it may write into the places.
    """

    def __init__(
        self, python: Path, places: Sequence[Path] = (), read: Sequence[Path] = (), *, writes: bool = True
    ) -> None:
        self.python = python
        self.places = {Path(os.path.realpath(path)): identity(path) for path in places}
        self.read = list(read)
        self.writes = writes
        self._folder: Path | None = None

    @property
    def scratch(self) -> Path:
        """A folder of its own; what is made in it can be seen and written by the child at once."""
        return self._own() / "scratch"

    @property
    def shown(self) -> Path:
        """The same for what the child may only read, such as a checkout of an earlier commit."""
        return self._own() / "shown"

    def _own(self) -> Path:
        if self._folder is None:
            self._folder = make_folder("child")
            for name in ("scratch", "shown"):
                (self._folder / name).mkdir()
        return self._folder

    def covers(self, *folders: Path) -> bool:
        """Whether a child that runs already sees these folders; if not, the next one that is started will."""
        for path in [known for known, was in self.places.items() if not known.exists()]:
            del self.places[path]
        missing = False
        for folder in folders:
            real = Path(os.path.realpath(folder))
            around = [known for known in (*self.places, self.scratch, self.shown) if real.is_relative_to(known)]
            # A folder that was removed and made again is another one, and the child sees the old one.
            if not around or any(known in self.places and self.places[known] != identity(known) for known in around):
                self.places = {**{known: identity(known) for known in self.places}, real: identity(real)}
                missing = True
        return not missing

    def reach(self) -> Reach:
        """For a child that is started now."""
        for path in self.read:
            path.mkdir(parents=True, exist_ok=True)  # what is made in it later can then be seen
        places = [path for path in self.places if path.exists()]
        read = [self.shown, *self.read, *([] if self.writes else places)]
        write = [self.scratch, *(places if self.writes else [])]
        return Reach(python=self.python, write=write, read=read)

    def close(self) -> None:
        """Remove the folder."""
        if self._folder is not None:
            drop_folder(self._folder)
            self._folder = None
