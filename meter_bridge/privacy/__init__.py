"""Raw readings are encrypted on disk and sealed for the operator on their way; docs/privacy.md."""
