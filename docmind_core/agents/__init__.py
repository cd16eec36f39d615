"""The five agents and the graphs made of them."""
