"""Examples of `fit`, `validate`, `test` and `predict`, which end their help and stand where nothing is given."""

EXAMPLES = {
    "fit": """  medunlearn fit --model Train --data.dataset bloodmnist --run_dir runs/blood
  medunlearn fit --config configs/train_blood.yaml""",
    "validate": """  medunlearn validate runs/train_blood
  medunlearn validate --config runs/train_blood/config.yaml --data.batch_size 64""",
    "test": """  medunlearn test runs/train_blood
  medunlearn test --config runs/train_blood/config.yaml --data.batch_size 64""",
    "predict": "  medunlearn predict --config runs/train_blood/config.yaml --overwrite true",
}
"""Of the commands of LightningCLI, each on lines of its own."""


def nothing_given(command: str) -> str:
    """Return what to give where a command is given nothing."""
    meant = "name a method, images and a run directory, or a config" if command == "fit" else "name a finished run"
    listed = "`medunlearn list` has the methods and data sets, " if command == "fit" else ""
    help_text = f"{listed}`medunlearn {command} --help` lists the options"
    return f"{command}: nothing is given; {meant}:\n{EXAMPLES[command]}\n{help_text}."
