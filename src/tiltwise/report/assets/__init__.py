"""Style sheets and scripts that pages embed."""
