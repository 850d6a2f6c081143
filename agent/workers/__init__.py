"""Workers: the sub-agents that do a task. One interface, two ways of working (tools or drafts)."""
