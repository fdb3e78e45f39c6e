"""What people look at: HTML pages and figures of runs, data and labels."""
