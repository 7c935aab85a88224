"""The embedded AWS: an endpoint over HTTP, what it answers, and a company's keys and secrets in it."""
