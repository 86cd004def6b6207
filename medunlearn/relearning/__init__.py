"""How fast a model learns the forget set again: knowledge that is only covered comes back at once."""
