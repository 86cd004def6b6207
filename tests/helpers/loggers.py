"""A logger of a user's own, which keeps what it is sent, as a service such as MLflow would."""

from lightning.pytorch.loggers import Logger


class Recording(Logger):
    """Keeps every call, in this process."""

    made: list["Recording"] = []

    def __init__(self) -> None:
        super().__init__()
        self.settings, self.values = [], []
        Recording.made.append(self)

    @property
    def name(self):
        return "recording"

    @property
    def version(self):
        return 0

    def log_hyperparams(self, params):
        self.settings.append(params)

    def log_metrics(self, metrics, step=None):
        self.values.append((dict(metrics), step))


class Failing(Recording):
    """Takes nothing that a run has come to."""

    def log_hyperparams(self, params):
        raise ConnectionError("service gone")

    def log_metrics(self, metrics, step=None):
        if "RTE" in metrics:
            raise ConnectionError("service gone")
