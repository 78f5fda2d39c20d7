"""`sparring recipes`."""

import textwrap

from sparring.core.console import console

TASKS = {
    "images": ("Image generation from noise", "dcgan"),
    "paired": ("Image translation from pairs", "pix2pix"),
    "unpaired": ("Image translation from two sets of images without pairs", "cyclegan"),
    "style": ("Style transfer", "style-transfer"),
    "tables": ("Rows of tables", "tabular-ar"),
    "series": ("Windows of time series", "cgan-series"),
    "records": ("Patients of health records", "medgan"),
    "music": ("Phrases of music", "musegan"),
    "orders": ("Orders of customers and products", "ecgan"),
    "sequences": ("Texts and molecules", "lm"),
}
"""By what recipes translate, or else by the kind of data they generate: a heading, and the recipe to start with."""


def recipes() -> int:
    """List the published GANs to choose from, by task, and which to start with."""
    from sparring import recipes as known

    screen = console()
    screen.print("For a recommendation for your data:  sparring doctor --data DATA")
    found = {name: known.get(name) for name in known.names()}
    for kind, (heading, first) in TASKS.items():
        of_kind = {name: recipe for name, recipe in found.items() if getattr(recipe, "translates", recipe.modality) == kind}
        screen.print(f"\n{heading}. Start with {first}.", style="bold")
        for name in sorted(of_kind, key=lambda name: name != first):
            recipe = of_kind[name]
            screen.print(f"\n  {name}", style="bold", end="")
            screen.print(f"  {recipe.title}")
            for line in (f"Data: {recipe.data}", recipe.paper):
                screen.print(textwrap.fill(line, screen.width, initial_indent="      ", subsequent_indent="        "))
    screen.print("\nAll settings of a recipe:  sparring train RECIPE --help")
    return 0
