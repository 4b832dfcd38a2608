"""How far vectors are from the reference's, and whether they depend on the batch: JSON on stdin, JSON on stdout.

In: {"reference": {SET: FILE}, "engines": {NAME: {SET: FILE, "shuffled": FILE}}, "order": [...]}; SET is golden or mixed;
order[i] is where the i-th shuffled text stands in the mixed set. Files are float32, as many a text as the reference has.
"""
import json
import sys

import numpy

WIDTH = 384
PAIRS = 20000
NEIGHBOURS = 10
TIE = 1e-6  # the reference's own noise between batch sizes is 2.7e-7 a component


def load(path):
    return numpy.fromfile(path, numpy.float32).reshape(-1, WIDTH).astype(numpy.float64)


def unit(vectors):
    return vectors / numpy.maximum(numpy.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def ranks(values):
    result = numpy.empty(len(values))
    result[numpy.argsort(values, kind="stable")] = numpy.arange(len(values))
    return result


def near(vectors):
    """Cosines of all pairs; a text is not its own neighbour."""
    cosines = unit(vectors) @ unit(vectors).T
    numpy.fill_diagonal(cosines, -2)
    return cosines


def neighbours_kept(reference, vectors):
    """Share of the ten nearest texts that are among the reference's ten nearest. Where the reference has ties (equal texts
    in other spellings), either is right."""
    wanted = near(reference)
    least = numpy.sort(wanted, axis=1)[:, -NEIGHBOURS] - TIE
    found = numpy.argsort(-near(vectors), axis=1, kind="stable")[:, :NEIGHBOURS]
    return (numpy.take_along_axis(wanted, found, axis=1) >= least[:, None]).mean()


def compare(reference, vectors):
    cosine = (unit(reference) * unit(vectors)).sum(axis=1)
    number = numpy.random.default_rng(7)
    left, right = number.integers(0, len(reference), (2, PAIRS))
    left, right = left[left != right], right[left != right]

    def pairs(of):
        return ranks((unit(of)[left] * unit(of)[right]).sum(axis=1))

    return {"cosine_min": cosine.min(), "cosine_mean": cosine.mean(),
            "component_max": numpy.abs(reference - vectors).max(),
            "spearman": numpy.corrcoef(pairs(reference), pairs(vectors))[0, 1],
            "neighbours_kept": neighbours_kept(reference, vectors)}


def main():
    request = json.load(sys.stdin)
    references = {name: load(path) for name, path in request["reference"].items()}
    order = numpy.array(request["order"])
    answer = {}
    for engine, files in request["engines"].items():
        answer[engine] = {name: {key: float(value) for key, value in compare(reference, load(files[name])).items()}
                          for name, reference in references.items()}
        mixed, shuffled = load(files["mixed"]), load(files["shuffled"])
        differ = (mixed[order] != shuffled).any(axis=1)
        answer[engine]["rows_that_differ"] = int(differ.sum())
        answer[engine]["cosine_between_batches"] = float((unit(mixed[order]) * unit(shuffled)).sum(axis=1).min())
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
