"""Time series: one or many, of one or several columns, cut into windows."""
