"""Barcodes of a picture."""

from pyzbar import pyzbar
from PIL import Image
from io import BytesIO


def read_barcodes(scan):
    return [code.data.decode() for code in pyzbar.decode(Image.open(BytesIO(scan)))]
