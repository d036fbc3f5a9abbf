"""Reads a trained model and predicts digits that it has never seen."""

import argparse
import os
import tempfile

import joblib

from trainer import data, storage

SHADES = " .:-=+*#%@"


def picture(image):
    """An 8 x 8 image as lines of text."""
    rows = image.reshape(8, 8)
    return ["".join(SHADES[min(int(value * len(SHADES)), len(SHADES) - 1)] * 2 for value in row) for row in rows]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True, help="gs://bucket/path/model.joblib or a file")
    parser.add_argument("--show", type=int, default=5, help="how many digits to draw")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, "model.joblib")
        storage.download(args.model, local)
        network = joblib.load(local)
    images, digits = data.unseen()
    said = network.predict(images)

    drawn = [picture(image) for image in images[:args.show]]
    for row in range(8):
        print("   ".join(lines[row] for lines in drawn))
    print("   ".join(f"said {s}, is {d}".ljust(16) for s, d in zip(said[:args.show], digits[:args.show])))
    right = int((said == digits).sum())
    print(f"{right} of {len(digits)} unseen digits are right ({100.0 * right / len(digits):.1f} %)")


if __name__ == "__main__":
    main()
