"""What the doctor says of data of one kind: what is hard, and the command to start with."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sparring.health.doctor.data_checks import Difficulty
from sparring.health.doctor.series_command import train_command
from sparring.health.doctor.time_estimate import Pace


@dataclass(frozen=True, eq=False)
class KindAdvice:
    """What to know before training on such data."""

    data: str
    """The path of the data, or its name."""
    count: int
    """Number of samples."""
    sentence: str
    """What the data is."""
    notes: tuple[str, ...]
    """What was found, in sentences."""
    difficulties: tuple[Difficulty, ...]
    """What is hard, the most severe first."""
    recipe: str
    """The recipe to start with."""
    settings: Mapping[str, Any]
    """Settings of training: keywords for `sparring.train`."""
    after: tuple[str, ...]
    """What is said after the command, in sentences."""
    pace: Pace
    further: Mapping[str, Any] = field(default_factory=dict)
    """What else `--json` writes."""

    @property
    def command(self) -> str:
        """The command to start with."""
        return train_command(self.recipe, self.data, self.settings)

    def lines(self) -> list[str]:
        """The advice in lines for the terminal."""
        hard = [one.name for one in self.difficulties if one.severity != "note"]
        lines = [f"{self.data}: {self.sentence}", *self.notes, f"Hard here: {', '.join(hard)}." if hard else "Nothing is hard here."]
        for each in self.difficulties:
            lines += ["", f"{each.name.capitalize()}: {each.severity}", f"  {each.description}", f"  To do: {each.remedy}"]
        return [*lines, "", "Start with:", "", f"  {self.command}", "", *self.after]

    def to_json(self) -> dict[str, Any]:
        """What `--json` writes."""
        return {
            **{name: getattr(self, name) for name in ("data", "count", "recipe", "command", "notes")},
            **self.further,
            "settings": dict(self.settings),
            "difficulties": [asdict(one) for one in self.difficulties],
            "pace": asdict(self.pace),
        }
