"""Networks: encode a cloud once, then relate it to many actions cheaply."""
