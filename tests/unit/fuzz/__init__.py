"""What comes from outside, made up at random."""
