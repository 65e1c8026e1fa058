"""The tests. A package of its own, since `eventkit` installs one of this name beside ours."""
