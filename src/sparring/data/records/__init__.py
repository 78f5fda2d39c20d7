"""Health records: which codes each patient has, read from long files, OMOP tables or matrices."""
