"""What is wrong with a run, since when, how sure that is, and what to do. It reads what training recorded, and never trains."""
