"""Merchants' exports, read into orders and the facts that happened to them. No database."""
