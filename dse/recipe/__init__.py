"""What is searched over: recipes, and the plans made of them. No torch here."""
