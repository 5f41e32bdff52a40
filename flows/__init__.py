"""Flows compose tasks. Start reading at ``narrate.py``."""
