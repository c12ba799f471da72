"""The registry: what a city owns, where it stands, and the database, settings and clock under every room."""
