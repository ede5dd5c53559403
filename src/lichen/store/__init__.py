"""Store: events in a Parquet lake, records in one database, model versions in folders."""
