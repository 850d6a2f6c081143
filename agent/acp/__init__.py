"""The Agent Client Protocol: kfpilot as an agent in editors that speak it."""
