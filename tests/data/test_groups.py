"""Who an image belongs to, and tables that cannot say so."""

from pathlib import Path

import numpy as np
import pytest

from medunlearn.data.groups import Groups, read_groups
from medunlearn.errors import InputError

SIZES = {"train": 3, "val": 1, "test": 2}
PLACES = [("train", 0), ("train", 1), ("train", 2), ("val", 0), ("test", 0), ("test", 1)]
NAMES = ["0017", "P2", "0017", "P3", "P2", ""]


def table(names=NAMES, places=PLACES, head="split,index,patient", encoding="utf-8", separator=","):
    """Write a table with a row for each image, and return its path."""
    rows = [separator.join(map(str, (*place, name))) for place, name in zip(places, names, strict=True)]
    path = Path("clinic.csv")
    path.write_text("\n".join([head.replace(",", separator), *rows]), encoding=encoding)
    return path


def read(path, by="patient", **settings):
    return read_groups(path, by, **{"sizes": SIZES} | settings)


def refused(path, **settings):
    with pytest.raises(InputError) as error:
        read(path, **settings)
    assert str(error.value).startswith(f"groups={path}: ")
    return str(error.value).removeprefix(f"groups={path}: ")


def test_every_image_has_its_group_in_whatever_order_and_form_the_rows_are():
    found = read(table())
    assert {split: names.tolist() for split, names in found.names.items()} == {
        "train": ["0017", "P2", "0017"],
        "val": ["P3"],
        "test": ["P2", ""],
    }
    assert found.rows("train", ["0017"]).tolist() == [0, 2]
    assert found.rows("test", ["P2", "P3"]).tolist() == [0]
    back = read(table(NAMES[::-1], PLACES[::-1]))
    other = [(split.upper().replace("VAL", "Validation"), f" {index}") for split, index in PLACES]
    spelled = read(table([f'"{name}"' for name in NAMES], other, encoding="utf-8-sig", head='"split",index, patient '))
    for same in (back, spelled):
        assert all(np.array_equal(same.names[split], found.names[split]) for split in SIZES)


def test_groups_are_any_column():
    head = "split,index,file,patient,site,device"
    rows = [f"x.png,{name},{site},MR {site}" for name, site in zip(NAMES, "ABABAB", strict=True)]
    path = table(rows, head=head)
    assert read(path, "site").rows("train", ["A"]).tolist() == [0, 2]
    assert read(path, "device").rows("test", ["MR B"]).tolist() == [1]
    assert refused(path, by="study").startswith("line 1 has 0 columns `study`, but file, patient, site, device; name")


def test_numbers_of_groups_are_the_same_in_all_splits_and_unknown_ones_stand_alone():
    numbers = read(table(["A", "B", "", "", "A", ""])).numbers
    assert numbers["train"][0] == numbers["test"][0]
    everything = np.concatenate([numbers[split] for split in SIZES])
    assert len(np.unique(everything)) == 5, "A, B, and three images of somebody unknown"
    assert len(read(table()).rows("test", [""])) == 1, "which nobody can ask for, see `group_names`"


def test_rows_of_a_split_that_is_not_read_are_passed_over():
    found = read(table(), sizes={"train": 3, "val": 1})
    assert [*found.names] == ["train", "val"]
    assert found.rows("test", ["P2"]).tolist() == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"separator": ";"}, "line 1 is separated by semicolons; save the table with commas"),
        ({"separator": "\t"}, "line 1 has 0 columns `split`"),
        ({"head": "split,index,index"}, "line 1 has 2 columns `index`"),
        ({"names": NAMES[:-1], "places": PLACES[:-1]}, "has no row for test image 1; give the table of these data"),
        ({"names": [*NAMES, "P2"], "places": [*PLACES, ("val", 0)]}, "line 8 is of val image 0, as an earlier line is"),
        ({"names": [*NAMES, "P2"], "places": [*PLACES, ("val", 1)]}, "line 8 is of val image 1, and there are 1; give"),
        ({"places": [("dev", 0), *PLACES[1:]]}, "line 2 has the split 'dev'; write train, val or test"),
        ({"places": [("train", -1), *PLACES[1:]]}, "line 2 has the index '-1'; write a whole number"),
        ({"places": [("train", "0.0"), *PLACES[1:]]}, "line 2 has the index '0.0'; write a whole number"),
        ({"places": [("train", "²"), *PLACES[1:]]}, "line 2 has the index '²'; write a whole number"),
        ({"places": [("train", "0" * 17 + "12"), *PLACES[1:]]}, "line 2 is of train image 1000000000000000000, and"),
        ({"encoding": "utf-16"}, "is not UTF-8 text; save it as UTF-8"),
    ],
)
def test_a_table_that_does_not_fit_names_its_line(changed, says):
    assert refused(table(**changed)).startswith(says)


@pytest.mark.parametrize(
    "content", ["", "\n", "split,index\ntrain,0", "split,index,patient\ntrain,0", "\0", "a" * 200_000]
)
def test_what_is_no_table_is_one_line(content):
    Path("clinic.csv").write_text(content)
    assert "\n" not in refused(Path("clinic.csv"))


def test_a_table_that_is_not_there_is_refused():
    assert (
        refused(Path("none.csv"))
        == "cannot be read (No such file or directory); give the table that `medunlearn import` wrote"
    )


@pytest.mark.parametrize(
    ("dataset", "images", "names"),
    [
        ("organamnist", ["train-112-8-axial-028", "val-3-1-axial-4", "train-112-11-axial-1"], ["train-112", "val-3"]),
        (
            "organsmnist",
            ["test-3-8-sagittal-028", "train-3-1-sagittal-4", "test-3-2-sagittal-9"],
            ["test-3", "train-3"],
        ),
        ("octmnist", ["CNV-1016042-1.jpeg", "DRUSEN-9-12.jpeg", "NORMAL-1016042-20.jpeg"], ["1016042", "9"]),
        (
            "pneumoniamnist",
            ["person12_virus_3.jpeg", "person1_bacteria_2.jpeg", "person12_virus_4"],
            ["person12", "person1"],
        ),
    ],
)
def test_patients_of_medmnists_own_tables_stand_in_the_names_of_their_images(dataset, images, names):
    path = table(images, PLACES[:3], "split,index,image_id")
    found = read(path, sizes={"train": 3}, dataset=dataset).names["train"].tolist()
    assert found == [*names, names[0]]
    assert "name one of these by data.forget.group_by" in refused(path, sizes={"train": 3}, dataset="bloodmnist")


def test_healthy_children_of_pneumonia_name_no_patient_and_a_wrong_name_is_refused():
    path = table(["IM-0115-0001.jpeg", "NORMAL2-IM-0117-0001.jpeg", "x.png"], PLACES[:3], "split,index,image_id")
    assert refused(path, sizes={"train": 3}, dataset="pneumoniamnist").startswith("line 4 has the image 'x.png', in")
    healthy = table(["IM-0115-0001.jpeg", "NORMAL2-IM-0117-0001.jpeg"], PLACES[:2], "split,index,image_id")
    assert read(healthy, sizes={"train": 2}, dataset="pneumoniamnist").names["train"].tolist() == ["", ""]


def test_a_name_that_nobody_has_is_refused_with_a_close_one():
    groups = Groups("patient", {"train": np.array(["P0017", "P0018", ""])}, "clinic.csv")
    groups.check_known(["P0018"])
    with pytest.raises(InputError, match=r"^groups=P0071: no image of clinic.csv is of this patient; .*P001"):
        groups.check_known(["P0017", "P0071"])
    with pytest.raises(
        InputError, match=r"^groups=17: .*there are 2 patients, P0017, P0018; give the name as the table"
    ):
        groups.check_known(["17"])
