"""Float64 arrays in, arrays out: no pandas, no dates, no files."""
