"""Claims and how they were measured."""

from robopref.processor import prepare

prepare()
