"""The agents: monitor, dispatcher and planner prepare, a person decides, publishing happens once."""
