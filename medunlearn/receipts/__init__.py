"""Receipts of deletion: what was removed from a model, how, and what was measured, signed and open to examination."""

import lazy_loader

# A key is made, and a receipt verified without its files, before PyTorch would be imported.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
