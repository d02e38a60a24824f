"""A provider over HTTP for load tests, chaos and tests: a server that misbehaves on request, and its adapter."""
