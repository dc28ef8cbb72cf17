"""Where telegrams come from: serial ports, TCP adapters, recorded files, an MQTT broker."""
