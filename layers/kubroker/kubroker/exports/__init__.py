"""Histories for accounting: windows, units, records, files."""
