"""Tables: columns of numbers, categories and dates, with what holds between them."""
