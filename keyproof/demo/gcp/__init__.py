"""The embedded Google Cloud: servers over gRPC and REST, what they answer, and a company's keys and secrets in it."""
