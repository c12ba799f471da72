"""The schema, step by step; every step runs on SQLite and on PostgreSQL and keeps data."""
