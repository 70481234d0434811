"""Every published claim against the evidence: one card per system, verdicts computed."""
