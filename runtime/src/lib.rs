//! The host of Windlass: engine, boundary, session, steps, journal, events, targets, values, secrets.
