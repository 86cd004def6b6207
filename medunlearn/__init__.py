"""Machine unlearning for medical image classifiers with PyTorch Lightning."""

import lazy_loader

# The public names stand in __init__.pyi. Each is imported when first used, so `medunlearn --help` does not wait for
# torch.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
