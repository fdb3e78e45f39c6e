"""What answers, or a reward, go by: hypotheses about items, tested on what is answered and written on a page."""
