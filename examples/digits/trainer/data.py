"""scikit-learn's handwritten digits, split once and for all.

1797 images of 8 x 8 pixels. A fifth is put aside and never seen by training or tuning: `unseen()` is for the end.
"""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def _split():
    images, digits = load_digits(return_X_y=True)
    rest_x, unseen_x, rest_y, unseen_y = train_test_split(
        images / 16.0, digits, test_size=0.2, random_state=20261124, stratify=digits)
    return rest_x, unseen_x, rest_y, unseen_y


def train_and_validation():
    """Training and validation images and digits: x_train, x_valid, y_train, y_valid."""
    rest_x, _, rest_y, _ = _split()
    return train_test_split(rest_x, rest_y, test_size=0.25, random_state=7, stratify=rest_y)


def unseen():
    """Images and digits that no trial has seen."""
    _, unseen_x, _, unseen_y = _split()
    return unseen_x, unseen_y
