"""Data from elsewhere: the only code that opens a socket. What came is kept and read from there."""
