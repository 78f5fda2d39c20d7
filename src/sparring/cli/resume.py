"""`sparring resume`."""

from typing import Any

from sparring.cli.arguments.from_settings import all_values
from sparring.cli.train import print_results
from sparring.core.console import console


def resume(arguments: Any) -> int:  # noqa: ANN401 (made by `resume_arguments`)
    """Continue a run exactly where its last checkpoint left it, or train it for longer: --minutes, --steps, --real-samples. These are
    totals for the whole run: after 10 minutes of training, --minutes 30 trains for 20 more.

    --coach turns the coach on. If the data was moved, --data (and --target) says where it is now. Another device, precision, number of
    threads or --parts applies from now on, and results are then no longer the same to the bit; with other --devices they are. All other
    settings are fixed.
    """
    from sparring import api

    changed = {name: value for part, name, value in all_values(arguments) if value != getattr(arguments.before[part], name)}
    if arguments.data is not None:
        changed["data"] = arguments.data
    return print_results(api.resume(arguments.run, console=console(), **changed), arguments.run)
