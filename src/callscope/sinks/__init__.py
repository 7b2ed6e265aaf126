"""What receives events while the program runs; one file each."""
