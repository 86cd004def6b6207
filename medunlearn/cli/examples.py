"""Examples of `fit`, `validate`, `test` and `predict`, shown in their help and if no arguments are given."""

EXAMPLES = {
    "fit": """  medunlearn fit --model Train --data.dataset bloodmnist --run_dir runs/blood
  medunlearn fit --config configs/train_blood.yaml""",
    "validate": """  medunlearn validate runs/train_blood
  medunlearn validate --config runs/train_blood/config.yaml --data.batch_size 64""",
    "test": """  medunlearn test runs/train_blood
  medunlearn test --config runs/train_blood/config.yaml --data.batch_size 64""",
    "predict": "  medunlearn predict --config runs/train_blood/config.yaml --overwrite true",
}
"""Examples by command of LightningCLI."""


def nothing_given(command: str) -> str:
    """Return the message for a command without arguments."""
    meant = "name a method, images and a run directory, or a config" if command == "fit" else "name a finished run"
    listed = "`medunlearn list` has the methods and data sets, " if command == "fit" else ""
    help_text = f"{listed}`medunlearn {command} --help` lists the options"
    return f"{command}: nothing is given; {meant}:\n{EXAMPLES[command]}\n{help_text}."
