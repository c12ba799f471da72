"""Reads a city from files: registry tables, and streets from OpenStreetMap."""
