"""How good data and labels are: what data holds, who agrees with whom, and whose answers can be trusted."""
