"""The public APIs that Headwaters reads, as one local server with made-up data."""
