"""Where the contract's messages meet this library's own types; nothing else imports `pb` types."""
