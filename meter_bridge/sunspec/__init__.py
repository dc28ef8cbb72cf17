"""SunSpec devices: what their registers say, apart from how they are read."""
