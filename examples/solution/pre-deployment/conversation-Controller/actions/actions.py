"""Actions of the conversation controller: what it does when an intent was recognised."""

GREETING = "Hello, how can we help?"


def greet(tracker):
    return {"text": GREETING, "conversation": tracker.get("conversation_id")}


def hand_over(tracker):
    return {"event": "FIND_AGENT", "conversation": tracker.get("conversation_id")}
