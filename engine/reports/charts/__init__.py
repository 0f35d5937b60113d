"""Pictures of a report: one definition each for page, paper and file. Drawn offline, in our own letters."""
