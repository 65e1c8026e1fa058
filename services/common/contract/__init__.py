"""The one place where wire types meet ours: stubs, conversion and error statuses."""
