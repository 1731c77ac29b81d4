"""Compares the HDF5 record of a run with the tables of the same run: record_hdf5.py H5 FOLDER PATTERNS COMPLETE [swmr]."""

import csv
import json
import math
import sys

import h5py
import numpy as np

path, folder, n, complete = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
file = h5py.File(path, "r", libver="latest", swmr=True) if "swmr" in sys.argv[5:] else h5py.File(path, "r")
with open(f"{folder}/record.json") as text:
    about = json.load(text)


def table(name):
    with open(f"{folder}/{name}.csv", newline="") as rows:
        return [row for row in csv.DictReader(rows) if "pattern" not in row or int(row["pattern"]) < n]


def same(found, expected, what):
    assert np.array_equal(np.asarray(found), np.asarray(expected)), what


def lists(group, name):
    """The values of each pattern."""
    ends = group["pattern_ends"][:n]
    return np.split(group[name][: ends[-1]], ends[:-1])


names = [population["name"] for population in about["populations"]]
assert file["record/patterns"][()] >= n and (not complete or file["record/patterns"][()] == n)
assert file["record/complete"][()] == complete
for key in ["model", "seed", "encoder_seed", "ini_sha256", "weights_sha256", "float", "depth", "stimuli", "present_time_fs"]:
    assert file.attrs[key] == about[key], key
assert file.attrs["program_version"] == about["version"]
assert file.attrs["magic"] == 0x0A7A and list(file.attrs["version"]) == [0, 1]
header = json.loads(file.attrs["record"])
assert header["populations"] == about["populations"] and header["traces"] == about["traces"]

patterns = table("patterns")
assert len(patterns) == n
for column in ["id", "label", "response", "latency_fs", "spikes"]:
    same(file["patterns"][column][:n], [int(row[column] or -1) for row in patterns], column)

dense = {name: np.zeros((2, n, int(np.prod(file["counts"][name].attrs["shape"]))), int) for name in names}
for row in table("counts"):
    at = int(row["pattern"]), int(row["neuron"])
    dense[row["population"]][0][at], dense[row["population"]][1][at] = int(row["positive"]), int(row["negative"])
for name in names:
    same(file["counts"][name]["positive"][:n], dense[name][0], f"counts of {name}")
    same(file["counts"][name]["negative"][:n], dense[name][1], f"negative counts of {name}")

for row in table("reads"):
    assert file["reads/patterns"][int(row["pattern"]), names.index(row["cell"]) - 1] == int(row["read_events"]), row
if complete:
    synapses = {name: np.full(file["reads/synapses"][name].shape, -1) for name in file["reads/synapses"]}
    for row in table("synapses"):
        synapses[row["cell"]][tuple(int(row[axis]) for axis in ["output", "channel", "y", "x"])] = int(row["read_events"])
    for name, reads in synapses.items():
        same(file["reads/synapses"][name], reads, f"synapses of {name}")

spikes = {name: [[] for _ in range(n)] for name in names}
for row in table("spikes"):
    spikes[row["population"]][int(row["pattern"])].append([int(row[key]) for key in ["neuron", "time_fs", "sign"]])
assert set(file["spikes"]) == set(names)
for name in names:
    group = file["spikes"][name]
    assert h5py.check_enum_dtype(group.attrs.get_id("sorting").dtype)["by_time"] == group.attrs["sorting"] == 2
    assert group["timestamps"].attrs["units"] == "ms" and group["timestamps"].dtype == np.float64
    assert group["timestamps"].compression is None and group["timestamps"].chunks[0] < 65536
    assert np.all(np.diff(group["timestamps"]) >= 0), "by time"
    for column, key in enumerate(["node_ids", "time_fs", "sign"]):
        for pattern, found in enumerate(lists(group, key)):
            same(found, [spike[column] for spike in spikes[name][pattern]], f"{key} of {name} in {pattern}")
    starts = [int(row["start_fs"]) for row in patterns]
    for start, stamps, times in zip(starts, lists(group, "timestamps"), lists(group, "time_fs")):
        same(np.round(stamps * 1e12).astype(int), start + times.astype(int), f"timestamps of {name}")

traces = {}
for row in table("traces"):
    trace = traces.setdefault((row["cell"], int(row["neuron"])), [[] for _ in range(n)])
    trace[int(row["pattern"])].append((int(row["time_fs"]), float(row["potential"]), int(row["fired"])))
for (cell, neuron), of in traces.items():
    for column, key in enumerate(["time_fs", "potential", "fired"]):
        for pattern, found in enumerate(lists(file["traces"][f"{cell}:{neuron}"], key)):
            same(found, [entry[column] for entry in of[pattern]], f"{key} of {cell}:{neuron} in {pattern}")
    report = file["report"][cell]
    column = list(report["mapping/node_ids"]).index(neuron)
    start, stop, step = report["mapping/time"]
    assert start == 0 and report["mapping/time"].attrs["units"] == "ms"
    assert math.isclose(step * 1e12, about["present_time_fs"] / 100)
    if complete:
        assert math.isclose(stop, n * about["present_time_fs"] / 1e12) and len(report["data"]) == 100 * n
    data = report["data"][: 100 * n, column].reshape(n, 100)
    # Neurons without leak and bias keep their potential from one synaptic event to the next.
    for pattern, frames in enumerate(data):
        latency = patterns[pattern]["latency_fs"]
        end = int(latency) + 1 if latency else about["present_time_fs"]
        for frame, found in enumerate(frames):
            time = frame * about["present_time_fs"] // 100
            last = [potential for at, potential, _ in of[pattern] if at <= time]
            expected = np.float32(last[-1] if last else 0) if time < end else np.float32("nan")
            assert np.array_equal(found, expected, equal_nan=True), (cell, neuron, pattern, frame, found, expected)
print("same")
