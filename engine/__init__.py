"""Loa: checks, plans, sends and reports campaigns of public warning in Vietnam's provinces."""

__version__ = "0.1.0"
