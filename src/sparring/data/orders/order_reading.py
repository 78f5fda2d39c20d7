"""How a table becomes orders: settings."""

from dataclasses import dataclass, fields

ROLES = ("customer", "product", "time", "price", "quantity", "group", "customer_group")
"""What a column of a log of orders may be."""


@dataclass(frozen=True, kw_only=True)
class OrderReading:
    """How a table becomes order lines: which column says what. Columns that are not named are not used."""

    customer: str | None = None
    """Column that says who bought. None: the log does not know its customers."""
    product: str | None = None
    """Column that says what was bought. None: the log does not know its products."""
    time: str | None = None
    """Column of the date, with or without a time of day. None: the only column of dates, if there is one."""
    price: str | None = None
    """Column of the price of the line, or of one piece. None: there are no prices."""
    quantity: str | None = None
    """Column of the number of pieces. None: there are no quantities."""
    group: str | None = None
    """Column of the product's group, such as a category. New products are known by it."""
    customer_group: str | None = None
    """Column of the customer's group, such as a segment or a region."""

    def columns(self) -> dict[str, str]:
        """The columns that are named, by role."""
        return {each.name: name for each in fields(self) if (name := getattr(self, each.name))}

    def problems(self) -> list[str]:
        """Settings that do not work together, each a sentence."""
        named = list(self.columns().values())
        found = [
            f"Column {name!r} is named twice: each has one role." for name in sorted({name for name in named if named.count(name) > 1})
        ]
        if self.group and not self.product:
            found.append("group is of products: name the column of the product, too (product).")
        if self.customer_group and not self.customer:
            found.append("customer_group is of customers: name the column of the customer, too (customer).")
        return found
