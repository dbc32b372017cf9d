"""Floor 2: one person's files: places, config, policy files, credentials, identity."""
