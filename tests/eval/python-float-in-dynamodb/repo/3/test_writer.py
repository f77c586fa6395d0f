import unittest

from writer import item_of


class ItemTest(unittest.TestCase):
    def test_order_becomes_item(self):
        self.assertEqual(item_of({"order": 7, "cents": 300}), {"id": "7", "cents": 300})

    def test_voucher_lowers_the_price(self):
        order = {"order": 8, "cents": 1000, "voucher": {"code": "SPRING", "percent": 15}}
        self.assertEqual(item_of(order)["cents"], 850)


if __name__ == "__main__":
    unittest.main()
