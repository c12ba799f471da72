"""Routing, usable alone: a `Problem` goes in, a `Plan` that `verify` accepts comes out. No database in here."""
