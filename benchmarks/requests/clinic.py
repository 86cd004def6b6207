"""Make a folder of scans as a hospital might have it, and its labels.csv.

    python benchmarks/requests/clinic.py generated FOLDER
    python benchmarks/requests/clinic.py breast FOLDER --file breastmnist.npz

`generated`: three classes of textures, 40 patients with 4 to 10 images each, PNG and DICOM mixed (8 and 16 bit,
MONOCHROME1 and 2, palette and RGBA), of other sizes, and two broken files. `breast`: BreastMNIST's 780 images as PNG
files in folders by class; who belongs to whom is not public, so patients of 1 to 4 images are drawn with a seed.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("benign", "malignant", "normal")
PATIENTS = 40


def texture(label: int, rng: np.random.Generator) -> np.ndarray:
    """Return an image of a class, float in 0 to 1: stripes, spots or a gradient, with noise."""
    size = tuple(rng.integers(48, 96, 2))
    y, x = np.mgrid[: size[0], : size[1]] / 8
    angle, phase = rng.uniform(0.2, 1.3), rng.uniform(0, 6)
    waves = np.sin(x * np.cos(angle) + y * np.sin(angle) + phase)
    spots = np.sin(x + phase) * np.sin(y + phase)
    slope = (x - x.mean()) / x.max()
    image = (waves, spots, slope)[label] * 0.15 + 0.5 + rng.normal(0, 0.3, size)  # so that some are taken for others
    return np.asarray(np.clip(image, 0, 1))


def save_dicom(path: Path, image: np.ndarray, patient: str, inverted: bool) -> None:
    """Write an image as DICOM, 16 bit."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    found.SOPClassUID, found.SOPInstanceUID = SecondaryCaptureImageStorage, meta.MediaStorageSOPInstanceUID
    found.PatientID, found.PatientName = patient, "Doe^Jane"
    found.Rows, found.Columns = image.shape
    found.SamplesPerPixel, found.BitsAllocated, found.BitsStored, found.HighBit = 1, 16, 12, 11
    found.PixelRepresentation, found.PhotometricInterpretation = 0, "MONOCHROME1" if inverted else "MONOCHROME2"
    values = (1 - image if inverted else image) * 4095
    found.PixelData = values.astype("<u2").tobytes()
    found.save_as(path, enforce_file_format=True)


def save(path: Path, image: np.ndarray, patient: str, number: int) -> Path:
    """Write an image in one of several forms, and return its path."""
    form = number % 6
    if form in (0, 1):
        path = path.with_suffix(".dcm")
        save_dicom(path, image, patient, inverted=form == 1)
        return path
    gray = Image.fromarray((255 * image).astype(np.uint8))
    if form == 2:
        gray = Image.fromarray((65535 * image).astype(np.uint16))
    elif form == 3:
        gray = gray.convert("RGBA")
    elif form == 4:
        gray = gray.quantize(64)
    gray.save(path)
    return path


def generated(folder: Path) -> list[tuple[str, str, str]]:
    """Write the generated folder and return path, label and patient of each image."""
    rng, rows, number = np.random.default_rng(0), [], 0
    for patient in range(PATIENTS):
        for _ in range(int(rng.integers(4, 11))):
            label, name = int(rng.integers(3)), f"P{patient:04}"
            path = folder / CLASSES[label] / f"scan_{number:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            found = save(path, texture(label, rng), name, number)
            rows.append((str(found.relative_to(folder)), CLASSES[label], name))
            number += 1
    whole = next((folder / "normal").glob("*.png"))
    (folder / "benign" / "cut_off.png").write_bytes(whole.read_bytes()[:200])
    (folder / "normal" / "letter.png").write_text("this is no picture")
    rows += [("benign/cut_off.png", "benign", "P0000"), ("normal/letter.png", "normal", "P0001")]
    return rows


def breast(folder: Path, file: Path) -> list[tuple[str, str, str]]:
    """Write BreastMNIST as PNG files and return path, label and patient of each image."""
    rng, rows, patient, left = np.random.default_rng(0), [], -1, 0
    data = np.load(file)
    for split in ("train", "val", "test"):
        for number, (image, label) in enumerate(
            zip(data[f"{split}_images"], data[f"{split}_labels"].ravel(), strict=True)
        ):
            if left == 0:
                patient, left = patient + 1, int(rng.integers(1, 5))
            left -= 1
            name = ("malignant", "normal_benign")[int(label)]
            path = folder / name / f"{split}_{number:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
            rows.append((str(path.relative_to(folder)), name, f"P{patient:04}"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("generated", "breast"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--file", type=Path, default=Path("breastmnist.npz"))
    given = parser.parse_args()
    rows = generated(given.folder) if given.kind == "generated" else breast(given.folder, given.file)
    with (given.folder.parent / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("path", "label", "patient"))
        table.writerows(rows)
    print(f"{len(rows)} images of {len({row[2] for row in rows})} patients in {given.folder}, and labels.csv beside it")


if __name__ == "__main__":
    main()
