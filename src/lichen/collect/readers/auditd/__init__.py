"""auditd's log, ENRICHED or RAW: records joined to events by (node, time:serial), and events to batches by kind."""
