"""The licence of the images, where it is known: MedMNIST publishes one for each of its sets."""

SHIPPED = {"breast28": "breastmnist"}
"""Data sets that come with the package, and the MedMNIST set whose licence holds for them."""


def data_licence(dataset: str | None) -> str:
    """Return a sentence on the licence of a run's images, which may also bind a model trained on them.

    Args:
        dataset: The name of a MedMNIST set, or of one that comes with the package; None for other data.

    Example:
        >>> data_licence("dermamnist")
        'DermaMNIST (MedMNIST, https://medmnist.com): CC BY-NC 4.0'
        >>> data_licence(None)
        "Data of the user's own: their licence is not stated."
    """
    from medmnist.info import INFO

    about = INFO.get(SHIPPED.get(dataset or "", dataset))
    if about is None or "license" not in about:
        return "Data of the user's own: their licence is not stated."
    return f"{about['python_class']} (MedMNIST, https://medmnist.com): {about['license']}"
