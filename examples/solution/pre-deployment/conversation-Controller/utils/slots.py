"""Reads slots of a conversation."""


def slot(tracker, name, default=None):
    return tracker.get("slots", {}).get(name, default)
