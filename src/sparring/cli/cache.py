"""`sparring cache`: what the cache holds, and removing it."""

import time
from typing import Literal

from sparring.core.console import console
from sparring.core.errors import SettingsError
from sparring.core.formatting import plural

Kind = Literal["data", "tables", "records", "orders", "sequences", "music", "judge", "digests", "torchvision"]
DAY = 86_400


def list_cache(kind: Kind | None = None) -> int:
    """List what the cache holds: prepared data, features of judged images, and the like, with sizes.

    Args:
        kind: Only this kind: data (prepared images), tables, records, orders, sequences (texts), music, judge (features), digests,
            torchvision (downloads).
    """
    from sparring.core.atomic_files import cache_folder
    from sparring.data.cache import KINDS, cache_entries

    screen, entries = console(), cache_entries(kind)
    for entry in entries:
        age = (time.time() - entry.used) / DAY
        screen.print(f"{readable(entry.size):>9}  {age:4.0f} days  {entry.kind:11}  {entry.about or entry.path.name}")
    for name, holds in KINDS.items():
        of_kind = [entry for entry in entries if entry.kind == name]
        if of_kind:
            screen.print(f"{holds}: {readable(sum(entry.size for entry in of_kind))} in {len(of_kind):,}")
    screen.print(f"Together: {readable(sum(entry.size for entry in entries))} in {cache_folder()}. To remove: sparring cache clean")
    return 0


def clean_cache(kind: Kind | None = None, unused_days: float = 0.0, dry_run: bool = False) -> int:
    """Remove what the cache holds. It is made again when it is needed (downloads are fetched again).

    Args:
        kind: Only this kind: data (prepared images), tables, records, orders, sequences (texts), music, judge (features), digests,
            torchvision (downloads). Default: all.
        unused_days: Only what was not used for this many days.
        dry_run: Say what would be removed, and remove nothing.
    """
    from sparring.data.cache import cache_entries, remove

    if unused_days < 0:
        raise SettingsError(f"unused_days must be at least 0, not {unused_days:g}.")
    screen = console()
    entries = [entry for entry in cache_entries(kind) if time.time() - entry.used >= unused_days * DAY]
    for entry in entries:
        if dry_run:
            screen.print(f"{readable(entry.size):>9}  {entry.kind:11}  {entry.about or entry.path.name}")
        else:
            remove(entry)
    done = "Would remove" if dry_run else "Removed"
    screen.print(f"{done} {readable(sum(entry.size for entry in entries))} in {plural(len(entries), 'entry', 'entries')}.")
    return 0


def readable(size: int) -> str:
    """Bytes in the largest unit that leaves a whole number: "12.3 MB"."""
    value, units = float(size), ("bytes", "kB", "MB", "GB", "TB")
    place = 0
    while value >= 1000 and place + 1 < len(units):
        value, place = value / 1000, place + 1
    return f"{value:.0f} {units[place]}" if not place else f"{value:.1f} {units[place]}"


COMMANDS = {"list": list_cache, "clean": clean_cache}
