"""What a learned reward and policy are worth: statistics over held-out starts, and the report that shows them."""
