"""Every study is a benchmark: its recorded runs, searched again with a simulated clock."""
