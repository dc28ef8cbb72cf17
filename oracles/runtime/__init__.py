"""What all keepers share: their form, their loop, the silverback app and the command line."""
