"""What an instruction asks for, point by point, and whether it was done."""
