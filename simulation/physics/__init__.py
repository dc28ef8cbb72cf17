"""Grid, profiles, batteries and power flow: what really happens to energy on the simulated day."""
