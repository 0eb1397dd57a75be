"""Configuration: settings, API keys, URLs, and which of them takes precedence."""
