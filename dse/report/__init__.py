"""What people look at: the page and the figures of a study, and the data behind both."""
