"""Stubs generated from protos/tandem/v1 by `make generate`; never edited."""
