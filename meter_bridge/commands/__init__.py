"""What the grid asks of devices, brought to them: from the chain's events to MQTT and Modbus."""
