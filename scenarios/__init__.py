"""The simulated city: waste arrives, trucks drive, sensors send, things go wrong. Decisions are the agents' own."""
