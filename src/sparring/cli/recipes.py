"""`sparring recipes`."""

import textwrap

from sparring.core.console import console

KINDS_OF_DATA = {
    None: ("From noise to images. Data: images", "dcgan"),
    "paired": ("From image to image, learned from pairs", "pix2pix"),
    "unpaired": ("From image to image, learned from two sets without pairs", "cyclegan"),
    "style": ("Any image in the style of one", "style-transfer"),
}
"""By what recipes translate: a heading, and the recipe to begin with."""


def recipes() -> int:
    """List the published systems there are, by the kind of data they need, and which to begin with."""
    from sparring import recipes as known

    screen = console()
    screen.print("Which suits your data, with the command to start with:  sparring doctor --data DATA")
    found = {name: known.get(name) for name in known.names()}
    for kind, (heading, first) in KINDS_OF_DATA.items():
        of_kind = {name: recipe for name, recipe in found.items() if getattr(recipe, "translates", None) == kind}
        screen.print(f"\n{heading}. Begin with {first}.", style="bold")
        for name in sorted(of_kind, key=lambda name: name != first):
            recipe = of_kind[name]
            screen.print(f"\n  {name}", style="bold", end="")
            screen.print(f"  {recipe.title}")
            for line in (f"Data: {recipe.data}", recipe.paper):
                screen.print(textwrap.fill(line, screen.width, initial_indent="      ", subsequent_indent="        "))
    screen.print("\nEvery setting of a recipe:  sparring train RECIPE --help")
    return 0
