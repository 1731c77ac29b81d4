"""Writes the MATLAB files that the tests of `src/mat5.rs` and `src/imdb_wiki` read, with SciPy: `python mat5.py`.

`faces.mat` is laid out as `wiki.mat` of the public data set: one structure whose fields are arrays with an element a face.
"""

import datetime
import pathlib

import numpy as np
import scipy.io

FOLDER = pathlib.Path(__file__).parent / "mat5"


def cells(values):
    array = np.empty((1, len(values)), dtype=object)
    array[0, :] = values
    return array


def serial(year, month, day):
    """MATLAB's serial date number."""
    return datetime.date(year, month, day).toordinal() + 366


def row(values):
    return np.array([values])


VARIABLES = {
    "bytes": np.array([[1, 2, 255]], dtype=np.uint8),
    "reals": np.array([[1.0, 2.5], [3.0, -np.inf]]),
    "text": "Zoë, 7",
    "none": np.zeros((0, 0)),
    "all": {"cells": cells(["a", np.array([[4, 5]], dtype=np.int16), ""]), "number": np.int8(-3)},
}

FACES = {
    # Born on the second of July: still 25 on the first of July of 2009. The last two have no face.
    "dob": np.array([[serial(1983, 7, 2), serial(1984, 7, 1), serial(1950, 1, 1), serial(1990, 1, 1)]], dtype=np.int32),
    "photo_taken": np.array([[2009, 2009, 1949, 2000]], dtype=np.uint16),
    "full_path": cells(["00/a.png", "00/b.png", "00/c.png", "00/d.png"]),
    "gender": row([1.0, 0.0, np.nan, 1.0]),
    "name": cells(["Ann A.", "Bob B.", "", "Dan D."]),
    "face_location": cells(
        [row([2.0, 1.0, 4.0, 2.0]), row([1.6, 1.2, 3.4, 3.0]), row([2.0, 2.0, 3.0, 3.0]), row([1, 1, 6, 4])]
    ),
    "face_score": row([3.5, 2.0, 1.0, -np.inf]),
    "second_face_score": row([np.nan, 1.5, np.nan, np.nan]),
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, compressed in [("compressed", True), ("plain", False)]:
        scipy.io.savemat(FOLDER / f"{name}.mat", VARIABLES, do_compression=compressed)
    scipy.io.savemat(FOLDER / "faces.mat", {"wiki": FACES}, do_compression=True)
