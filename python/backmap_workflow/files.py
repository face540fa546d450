"""Files of the working folder, and the error that a user sees."""
import glob
import os


class Failure(Exception):
    """Something that the user must look at."""


def fail(text):
    raise Failure(text)


def read(path):
    with open(path) as f:
        return f.read()


def write(path, text):
    """The whole file or nothing."""
    with open(path + '.part', 'w') as f:
        f.write(text)
    os.replace(path + '.part', path)


def clean(*patterns):
    for pattern in patterns:
        for path in glob.glob(pattern):
            os.remove(path)
