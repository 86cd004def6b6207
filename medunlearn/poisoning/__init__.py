"""The Gaussian poison: noise is added to the forget set before training, and models are tested for it afterwards."""
