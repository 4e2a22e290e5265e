"""The event log and everything that fills it: importers, quality checks, item versions and the simulated shop."""
