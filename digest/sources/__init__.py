"""Where papers and signals come from: an adapter for each source, behind the port in `base`."""
