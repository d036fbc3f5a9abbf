"""Trains a small neural network on handwritten digits and writes it to --job-dir."""

import argparse
import json
import os
import tempfile
import warnings

import hypertune
import joblib
import numpy as np
from sklearn.neural_network import MLPClassifier

from trainer import data, storage


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--job-dir", required=True, help="where the model goes: gs://bucket/path or a folder")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--hidden-units", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--activation", choices=["relu", "tanh", "logistic"], default="relu")
    return parser.parse_args()


def main():
    args = arguments()
    x_train, x_valid, y_train, y_valid = data.train_and_validation()
    network = MLPClassifier(hidden_layer_sizes=(args.hidden_units,), activation=args.activation,
                            learning_rate_init=args.learning_rate, batch_size=args.batch_size, random_state=1)
    report = hypertune.HyperTune()
    accuracy = 0.0
    order = np.random.default_rng(1)
    warnings.filterwarnings("ignore")
    for epoch in range(1, args.epochs + 1):
        shuffled = order.permutation(len(x_train))
        network.partial_fit(x_train[shuffled], y_train[shuffled], classes=np.arange(10))
        accuracy = float(network.score(x_valid, y_valid))
        report.report_hyperparameter_tuning_metric(
            hyperparameter_metric_tag="accuracy", metric_value=accuracy, global_step=epoch)
        print(f"epoch {epoch}/{args.epochs} accuracy={accuracy:.4f}")

    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "model.joblib")
        joblib.dump(network, model)
        storage.upload(model, os.path.join(args.job_dir, "model.joblib"))
        about = os.path.join(folder, "about.json")
        with open(about, "w") as out:
            json.dump({"accuracy": accuracy, "parameters": vars(args)}, out, indent=2)
        storage.upload(about, os.path.join(args.job_dir, "about.json"))
    print(f"model written to {args.job_dir}")


if __name__ == "__main__":
    main()
