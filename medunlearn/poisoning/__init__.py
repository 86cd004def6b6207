"""The Gaussian poison: images to be forgotten get noise before training, and models are asked for it afterwards."""
