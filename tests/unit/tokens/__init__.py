"""Properties every token of the market keeps."""
