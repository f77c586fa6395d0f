import unittest

from writer import item_of


class ItemTest(unittest.TestCase):
    def test_order_becomes_item(self):
        self.assertEqual(item_of({"order": 7, "cents": 300}), {"id": "7", "cents": 300})


if __name__ == "__main__":
    unittest.main()
