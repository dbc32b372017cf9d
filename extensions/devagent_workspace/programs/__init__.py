"""What is known of programs, by name: their kinds, and their options."""
