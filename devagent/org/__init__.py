"""Floor 2: the organisation: enrolment and signed policy bundles (what they verify, nothing above decides)."""
